'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const color = name => getComputedStyle(root).getPropertyValue(name).trim();
  const narrow = matchMedia('(max-width: 640px)');
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');

  // make builds an element; text goes in as text.
  const make = (tag, props, ...children) => {
    const e = Object.assign(document.createElement(tag), props);
    e.append(...children);
    return e;
  };

  // walk makes one stop of the tab key of many elements: the arrow keys lead
  // from one to the next.
  const walk = (all, onMove) => {
    const to = { ArrowRight: i => i + 1, ArrowDown: i => i + 1, ArrowLeft: i => i - 1, ArrowUp: i => i - 1, Home: () => 0, End: () => all.length - 1 };
    let at = 0;
    const go = i => {
      if (!all[i]) return;
      all[at].tabIndex = -1;
      at = i;
      all[at].tabIndex = 0;
      onMove(at);
      all[at].focus({ preventScroll: true });
    };
    all.forEach((e, i) => {
      e.tabIndex = i === 0 ? 0 : -1;
      e.addEventListener('keydown', k => {
        if (!to[k.key]) return;
        k.preventDefault();
        k.stopPropagation();
        go(to[k.key](i));
      });
    });
    return go;
  };

  // A card per policy shows one decision. What it says stands in the page's list
  // of decisions already, so that a reader without script has it too; it is
  // copied from there. The card outlives the charts, which are drawn anew.
  const cardOf = (id, count) => {
    const box = document.getElementById(id + 'card');
    const card = { open: -1, go: () => {}, closed: () => {} };
    const button = (text, label, act, disabled) => {
      const b = make('button', { type: 'button', textContent: text, disabled });
      b.setAttribute('aria-label', label);
      b.addEventListener('click', act);
      return b;
    };
    card.show = i => {
      const item = document.querySelector(`#${id}d${i} > details`);
      const head = make('div', { className: 'cardhead' });
      for (const n of item.querySelector('summary').childNodes) head.append(n.cloneNode(true));
      head.append(
        make('span', { className: 'of', textContent: `${i + 1} of ${count}` }),
        button('◀', 'previous decision', () => card.go(i - 1), i === 0),
        button('▶', 'next decision', () => card.go(i + 1), i === count - 1),
        button('✕', 'close the card', () => card.close(), false));
      box.replaceChildren(head, item.querySelector('.decision').cloneNode(true));
      box.hidden = false;
      card.open = i;
    };
    card.close = () => {
      if (card.open < 0) return;
      box.hidden = true;
      card.open = -1;
      card.closed();
    };
    box.addEventListener('keydown', e => { if (e.key === 'Escape') card.close(); });
    return card;
  };

  // markers lays one button per decision over a chart. Where they would lie on
  // one another the larger steps are shown, and the rest on looking closer.
  const markers = (marks, id, card) => {
    const size = ([, before, desired]) => Math.abs(desired - before);
    const rank = marks.map((_, i) => i).sort((a, b) => size(marks[b]) - size(marks[a]) || a - b);
    let buttons = [];
    let current = card.open;
    const place = u => {
      if (!buttons.length) return; // drawn before it is ready
      const shown = [];
      let more = 0;
      for (const i of current < 0 ? rank : [current, ...rank]) {
        const [at, before, desired] = marks[i];
        const x = u.valToPos(at, 'x');
        const y = u.valToPos(desired, 'y') + (desired < before ? 11 : -11);
        if (x < 0 || x > u.over.clientWidth || shown.some(o => o.i === i)) continue;
        if (shown.some(o => Math.abs(o.x - x) < 9 && Math.abs(o.y - y) < 11)) more++;
        else shown.push({ i, x, y });
      }
      // Only what changes is touched: to hide a focused button takes its focus.
      buttons.forEach((b, i) => { b.hidden = !shown.some(o => o.i === i); });
      for (const { i, x, y } of shown) {
        buttons[i].style.left = x + 'px';
        buttons[i].style.top = y + 'px';
      }
      buttons.forEach((b, i) => b.setAttribute('aria-pressed', String(i === card.open)));
      document.getElementById(id + 'more').textContent = more ? `${more} more decisions show when you look closer.` : '';
    };
    // reach makes room for the current decision where it lies outside of the zoom.
    const reach = u => {
      const [at] = marks[current];
      const { min, max } = u.scales.x;
      if (at < min || at > max) u.setScale('x', { min: at - (max - min) / 2, max: at + (max - min) / 2 });
      place(u);
    };
    const ready = u => {
      buttons = marks.map(([, before, desired], i) => {
        const b = make('button', { type: 'button', className: 'mark ' + (desired < before ? 'in' : 'out'), textContent: desired < before ? '▼' : '▲' });
        const item = document.getElementById(`${id}d${i}`);
        b.title = `${item.querySelector('.when').textContent}: ${before} to ${desired} tasks, ${item.querySelector('.rule').textContent}`;
        b.setAttribute('aria-label', b.title);
        b.addEventListener('mousedown', e => e.stopPropagation());
        b.addEventListener('dblclick', e => e.stopPropagation());
        b.addEventListener('click', () => { go(i); card.show(i); place(u); });
        b.addEventListener('keydown', e => { if (e.key === 'Escape') card.close(); });
        return b;
      });
      u.over.append(...buttons);
      const go = walk(buttons, i => {
        current = i;
        if (card.open >= 0) card.show(i);
        reach(u);
      });
      card.go = go;
      card.closed = () => { place(u); buttons[current].focus({ preventScroll: true }); };
      place(u);
    };
    return { hooks: { ready, draw: place } };
  };

  // keys lets a focused chart be read and zoomed with the keyboard.
  const keys = (box, get) => box.addEventListener('keydown', e => {
    if (e.target !== box) return;
    const u = get();
    const xs = u.data[0];
    const { min, max } = u.scales.x;
    const at = u.cursor.idx ?? Math.floor((u.valToIdx(min) + u.valToIdx(max)) / 2);
    const zoom = factor => {
      const middle = xs[at];
      const half = Math.max((max - min) * factor / 2, 2 * (xs[1] - xs[0]));
      u.setScale('x', { min: Math.max(xs[0], middle - half), max: Math.min(xs[xs.length - 1], middle + half) });
    };
    const stride = e.shiftKey ? 10 : 1;
    const act = {
      ArrowRight: () => point(u, at + stride), ArrowLeft: () => point(u, at - stride),
      '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2),
      0: () => u.setScale('x', { min: xs[0], max: xs[xs.length - 1] }),
    }[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  });
  const point = (u, i) => {
    const k = Math.min(Math.max(i, 0), u.data[0].length - 1);
    u.setCursor({ left: u.valToPos(u.data[0][k], 'x'), top: u.valToPos(u.data[2][k] ?? 0, 'y') });
  };

  const charts = []; // of all opened traces
  const twoDigits = n => String(n).padStart(2, '0');
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

  // openTrace draws the charts of one trace: one scale, one cursor, one zoom.
  const openTrace = (t, n) => {
    let at = t.start;
    const times = t.gaps.map(g => (at += g * t.step));
    const days = times[times.length - 1] - times[0] > 25 * 3600;
    const clock = s => {
      const d = new Date(s * 1000);
      const time = twoDigits(d.getUTCHours()) + ':' + twoDigits(d.getUTCMinutes());
      return days ? `${months[d.getUTCMonth()]} ${d.getUTCDate()} ${time}` : time;
    };
    let top = 1;
    for (const p of t.policies) for (const ys of [p.demand ?? [], p.desired, p.running, p.instances ?? []]) for (const y of ys) top = Math.max(top, y);
    const boxes = t.policies.map((_, i) => document.getElementById(`t${n}p${i}chart`));
    const height = i => (narrow.matches ? (i === 0 ? 240 : 170) : i === 0 ? 340 : 180);
    const group = { plots: [] };
    const decisions = t.policies.map((p, i) => (p.marks.length ? cardOf(`t${n}p${i}`, p.marks.length) : null));
    let moving = false;
    const together = u => {
      if (moving) return;
      moving = true;
      const { min, max } = u.scales.x;
      for (const o of group.plots) if (o !== u && (o.scales.x.min !== min || o.scales.x.max !== max)) o.setScale('x', { min, max });
      moving = false;
    };
    const plot = (p, i) => {
      const axis = { stroke: color('--soft'), font: '12px system-ui, sans-serif', grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line'), width: 1, size: 4 } };
      const fixed = digits => (_, v) => (v == null ? '–' : v.toFixed(digits));
      const step = uPlot.paths.stepped({ align: 1 });
      const series = [
        { label: 'time', value: (_, v) => (v == null ? '–' : clock(v)) },
        { label: 'demand', stroke: color('--demand'), fill: color('--demand-fill'), width: 1.5, value: fixed(1), points: { show: false } },
        { label: 'running', stroke: color('--running'), width: 2, paths: step, value: fixed(0), points: { show: false } },
        { label: 'desired', stroke: color('--desired'), width: 1.5, dash: [6, 4], paths: step, value: fixed(0), points: { show: false } },
      ];
      const values = [times, p.demand ?? t.policies[0].demand, p.running, p.desired];
      if (p.instances) {
        series.push({ label: 'instances', stroke: color('--soft'), width: 1.5, dash: [2, 3], paths: step, value: fixed(0), points: { show: false } });
        values.push(p.instances);
      }
      return new uPlot({
        width: boxes[i].clientWidth,
        height: height(i),
        tzDate: s => uPlot.tzDate(new Date(s * 1000), 'Etc/UTC'),
        cursor: { sync: { key: 'trace' + n, setSeries: false }, points: { size: 7 }, drag: { x: true, y: false, setScale: true } },
        scales: { y: { range: [0, top * 1.12 + 0.5] } },
        axes: [
          { ...axis, size: 32, space: narrow.matches ? 60 : 80, values: (_, splits) => splits.map((s, k) => (days && k > 0 && s % 86400 && splits[1] - splits[0] < 86400 ? clock(s).split(' ').pop() : days && !(s % 86400) ? clock(s).replace(' 00:00', '') : clock(s))) },
          { ...axis, size: 44 },
        ],
        series,
        plugins: p.marks.length ? [markers(p.marks, `t${n}p${i}`, decisions[i])] : [],
        hooks: {
          setScale: [(u, key) => { if (key === 'x') together(u); }],
          setLegend: [u => u.root.classList.toggle('pointed', u.legend.idx != null)],
        },
      }, values, boxes[i]);
    };
    group.draw = () => {
      const zoom = group.plots[0] && { ...group.plots[0].scales.x };
      for (const u of group.plots) u.destroy();
      group.plots = t.policies.map(plot);
      if (zoom) group.plots[0].setScale('x', { min: zoom.min, max: zoom.max });
    };
    group.fit = () => group.plots.forEach((u, i) => {
      if (boxes[i].clientWidth) u.setSize({ width: boxes[i].clientWidth, height: height(i) });
    });
    boxes.forEach((box, i) => keys(box, () => group.plots[i]));
    group.draw();
    charts.push(group);
    return group;
  };

  // A trace is drawn when it is first opened: a page may have dozens.
  data.forEach((t, n) => {
    const box = document.getElementById('t' + n);
    let group;
    const draw = () => {
      if (!box.open) return;
      if (group) group.fit();
      else group = openTrace(t, n);
    };
    box.addEventListener('toggle', draw);
    draw();
  });

  // The curves: the figures of the marker that is pointed at or focused.
  document.querySelectorAll('.curve').forEach(figure => {
    const readout = figure.querySelector('.readout');
    readout.textContent = 'Point at a marker for its figures; with the keyboard, tab to one and use the arrow keys.';
    figure.querySelectorAll('svg.plot').forEach(svg => {
      const dots = [...svg.querySelectorAll('.dot')];
      if (!dots.length) return;
      const tell = d => {
        figure.querySelectorAll('.told').forEach(o => o.classList.remove('told'));
        d.classList.add('told');
        d.parentNode.classList.add('told');
        readout.textContent = d.getAttribute('aria-label');
      };
      walk(dots, i => tell(dots[i]));
      dots.forEach(d => d.addEventListener('focus', () => tell(d)));
      svg.addEventListener('mousemove', e => {
        let best, least = 40 * 40;
        for (const d of dots) {
          const r = d.getBoundingClientRect();
          const far = (r.x + r.width / 2 - e.clientX) ** 2 + (r.y + r.height / 2 - e.clientY) ** 2;
          if (far < least) [best, least] = [d, far];
        }
        if (best) tell(best);
      });
    });
  });

  // Light and dark: as the system has it until the reader chooses.
  const theme = document.getElementById('theme');
  const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : prefersDark.matches);
  const offer = () => {
    theme.textContent = isDark() ? '☀ Light' : '☾ Dark';
    theme.setAttribute('aria-label', isDark() ? 'change to light colours' : 'change to dark colours');
  };
  const paint = () => {
    offer();
    for (const g of charts) g.draw();
  };
  theme.hidden = false;
  theme.addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; paint(); });
  prefersDark.addEventListener('change', paint);
  offer();
  let asked = 0;
  addEventListener('resize', () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(() => charts.forEach(g => g.fit())); });
})();
