'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const times = data.policies[0].demand.map((_, i) => data.start + i * data.step);
  const top = Math.max(...data.policies.flatMap(p => [...p.demand, ...p.desired, ...p.running])) * 1.08 + 1;
  const card = document.getElementById('card');
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = matchMedia('(max-width: 640px)');

  // tell puts a decision into the card, as text.
  const tell = m => {
    const b = document.createElement('b');
    b.textContent = `${m.clock}  ${m.before} → ${m.desired} tasks (${m.desired < m.before ? 'scale in' : 'scale out'}), ${m.rule}`;
    card.replaceChildren(b, document.createElement('br'), m.because);
  };

  const choose = i => {
    document.querySelectorAll('tr.chosen').forEach(r => r.classList.remove('chosen'));
    const row = document.getElementById('d' + i);
    row.classList.add('chosen');
    row.scrollIntoView({ block: 'center' });
    row.focus({ preventScroll: true });
  };

  // markers lays one button per decision over the chart. They are one stop of
  // the tab key; the arrow keys walk from one to the next.
  const markers = marks => {
    let buttons = [];
    const walk = (from, to) => {
      if (!buttons[to]) return;
      buttons[from].tabIndex = -1;
      buttons[to].tabIndex = 0;
      buttons[to].focus();
    };
    const steps = { ArrowRight: i => i + 1, ArrowDown: i => i + 1, ArrowLeft: i => i - 1, ArrowUp: i => i - 1, Home: () => 0, End: () => marks.length - 1 };
    const make = (m, i) => {
      const b = document.createElement('button');
      b.type = 'button';
      b.className = 'mark ' + (m.desired < m.before ? 'in' : 'out');
      b.textContent = m.desired < m.before ? '▼' : '▲';
      b.tabIndex = i === 0 ? 0 : -1;
      b.setAttribute('aria-label', `${m.clock}: ${m.before} to ${m.desired} tasks, ${m.rule}`);
      b.addEventListener('focus', () => tell(m));
      b.addEventListener('mouseenter', () => tell(m));
      b.addEventListener('mousedown', e => e.stopPropagation());
      b.addEventListener('click', () => choose(i));
      b.addEventListener('keydown', e => {
        if (!steps[e.key]) return;
        e.preventDefault();
        walk(i, steps[e.key](i));
      });
      return b;
    };
    const place = u => buttons.forEach((b, i) => {
      const x = u.valToPos(marks[i].at, 'x');
      const y = u.valToPos(marks[i].desired, 'y') + (marks[i].desired < marks[i].before ? 10 : -10);
      b.hidden = x < 0 || x > u.over.clientWidth;
      b.style.left = x + 'px';
      b.style.top = y + 'px';
    });
    return {
      hooks: {
        ready: u => { buttons = marks.map(make); u.over.append(...buttons); place(u); },
        draw: place,
      },
    };
  };

  const height = i => (narrow.matches ? 220 : i === 0 ? 360 : 190);

  const chart = (p, i) => {
    const box = document.getElementById('chart' + i);
    const axis = { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line'), width: 1 } };
    const round = (_, v) => (v == null ? '--' : v.toFixed(1));
    const step = uPlot.paths.stepped({ align: 1 });
    const u = new uPlot({
      width: box.clientWidth,
      height: height(i),
      tzDate: s => uPlot.tzDate(new Date(s * 1000), 'Etc/UTC'),
      cursor: { sync: { key: 'day' }, points: { size: 6 } },
      scales: { y: { range: [0, top] } },
      axes: [{ ...axis, values: [[3600, '{HH}:{mm}', null, null, null, null, null, null, 1], [1, '{HH}:{mm}', null, null, null, null, null, null, 1]] }, { ...axis, size: 44 }],
      series: [
        { label: 'time', value: (_, v) => (v == null ? '--' : new Date(v * 1000).toISOString().slice(11, 16)) },
        { label: 'demand', stroke: color('--demand'), fill: color('--demand-fill'), width: 1.5, value: round, points: { show: false } },
        { label: 'running', stroke: color('--running'), width: 2, paths: step, points: { show: false } },
        { label: 'desired', stroke: color('--desired'), width: 1.5, dash: [6, 4], paths: step, points: { show: false } },
      ],
      plugins: i === 0 ? [markers(p.marks)] : [],
    }, [times, p.demand, p.running, p.desired], box);
    return { u, box, i };
  };

  let charts = [];
  const draw = () => {
    charts.forEach(c => c.u.destroy());
    charts = data.policies.map(chart);
  };
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('resize', () => charts.forEach(c => c.u.setSize({ width: c.box.clientWidth, height: height(c.i) })));
})();
