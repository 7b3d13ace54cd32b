'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const color = name => getComputedStyle(root).getPropertyValue(name).trim();
  const narrow = matchMedia('(max-width: 640px)');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
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

  // The decision cards. What a card says stands in the page's list of decisions
  // already, so that a reader without script has it too; here it is copied.
  const cards = (id, marks) => {
    const card = document.getElementById(id + 'card');
    const self = { open: -1, show: () => {}, step: () => {}, close: () => {} };
    if (!card) return self;
    self.show = i => {
      const item = document.querySelector(`#${id}d${i} > details`);
      const head = make('div', { className: 'cardhead' });
      head.append(...[...item.querySelector('summary').childNodes].map(n => n.cloneNode(true)));
      const button = (text, label, act) => {
        const b = make('button', { type: 'button', textContent: text });
        b.setAttribute('aria-label', label);
        b.addEventListener('click', act);
        return b;
      };
      const previous = button('◀', 'previous decision', () => self.step(i - 1));
      const next = button('▶', 'next decision', () => self.step(i + 1));
      previous.disabled = i === 0;
      next.disabled = i === marks.length - 1;
      head.append(make('span', { className: 'of', textContent: `${i + 1} of ${marks.length}` }), previous, next, button('✕', 'close the card', () => self.close()));
      card.replaceChildren(head, item.querySelector('.decision').cloneNode(true));
      card.hidden = false;
      self.open = i;
    };
    card.addEventListener('keydown', e => { if (e.key === 'Escape') self.close(); });
    return self;
  };

  // markers lays one button per decision over a chart. Where they would lie on
  // one another the larger steps are shown, and all on looking closer.
  const markers = (p, id) => {
    const marks = p.marks;
    const rank = marks.map((_, i) => i).sort((a, b) => Math.abs(marks[b][2] - marks[b][1]) - Math.abs(marks[a][2] - marks[a][1]) || a - b);
    const card = cards(id, marks);
    let buttons = [];
    let current = -1;
    const place = u => {
      const taken = [];
      let more = 0;
      for (const i of current < 0 ? rank : [current, ...rank]) {
        const [at, before, desired] = marks[i];
        const x = u.valToPos(at, 'x');
        const within = x >= 0 && x <= u.over.clientWidth;
        const free = i === current || !taken.some(t => Math.abs(t - x) < 9);
        if (within && free) taken.push(x);
        if (within && !free && i !== current) more++;
        if (i === current || buttons[i] !== buttons[current]) buttons[i].hidden = !within || !free;
        buttons[i].style.left = x + 'px';
        buttons[i].style.top = u.valToPos(desired, 'y') + (desired < before ? 11 : -11) + 'px';
      }
      const note = u.root.parentNode.querySelector('.more');
      if (note) note.textContent = more ? `Look closer for ${more} more decisions.` : '';
    };
    const ready = u => {
      buttons = marks.map(([at, before, desired], i) => {
        const b = make('button', { type: 'button', className: 'mark ' + (desired < before ? 'in' : 'out'), textContent: desired < before ? '▼' : '▲' });
        const item = document.getElementById(`${id}d${i}`);
        b.setAttribute('aria-label', `${item.querySelector('.when').textContent}: ${before} to ${desired} tasks, ${item.querySelector('.rule').textContent}`);
        b.title = b.getAttribute('aria-label');
        b.addEventListener('mousedown', e => e.stopPropagation());
        b.addEventListener('dblclick', e => e.stopPropagation());
        b.addEventListener('click', () => { current = i; card.show(i); chosen(u); });
        b.addEventListener('keydown', e => { if (e.key === 'Escape') card.close(); });
        return b;
      });
      const chosen = v => {
        buttons.forEach((b, i) => b.setAttribute('aria-pressed', String(i === card.open)));
        const [at] = marks[Math.max(current, 0)];
        const { min, max } = v.scales.x;
        if (at < min || at > max) v.setScale('x', { min: at - (max - min) / 2, max: at + (max - min) / 2 });
        place(v);
      };
      u.over.append(...buttons);
      const go = walk(buttons, i => {
        current = i;
        if (card.open >= 0) card.show(i);
        chosen(u);
      });
      card.step = go;
      card.close = () => {
        const box = document.getElementById(id + 'card');
        box.hidden = true;
        card.open = -1;
        chosen(u);
        if (current >= 0) buttons[current].focus({ preventScroll: true });
      };
      if (card.reopen >= 0) { current = card.reopen; card.show(current); }
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
          { ...axis, space: narrow.matches ? 60 : 80, values: (_, splits) => splits.map((s, k) => (days && k > 0 && s % 86400 && splits[1] - splits[0] < 86400 ? clock(s).split(' ').pop() : days && !(s % 86400) ? clock(s).replace(' 00:00', '') : clock(s))) },
          { ...axis, size: 44 },
        ],
        series,
        plugins: p.marks.length ? [markers(p, `t${n}p${i}`)] : [],
        hooks: { setScale: [(u, key) => { if (key === 'x') together(u); }] },
      }, values, boxes[i]);
    };
    group.draw = () => {
      const zoom = group.plots[0] && { ...group.plots[0].scales.x };
      for (const u of group.plots) u.destroy();
      group.plots = t.policies.map(plot);
      if (zoom) group.plots[0].setScale('x', { min: zoom.min, max: zoom.max });
    };
    group.fit = () => group.plots.forEach((u, i) => u.setSize({ width: boxes[i].clientWidth, height: height(i) }));
    boxes.forEach((box, i) => {
      box.after(make('p', { className: 'more hint' }));
      keys(box, () => group.plots[i]);
    });
    group.draw();
    charts.push(group);
  };

  // A trace is drawn when it is first opened: a page may have dozens.
  data.forEach((t, n) => {
    const box = document.getElementById('t' + n);
    const draw = () => { if (box.open && !box.dataset.drawn) { box.dataset.drawn = 'yes'; openTrace(t, n); } };
    box.addEventListener('toggle', draw);
    draw();
  });

  // The curves: the figures of the marker that is pointed at or focused.
  document.querySelectorAll('.curve').forEach(figure => {
    const readout = figure.querySelector('.readout');
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
  const paint = () => {
    theme.textContent = isDark() ? '☀ Light' : '☾ Dark';
    theme.setAttribute('aria-label', isDark() ? 'change to light colours' : 'change to dark colours');
    for (const g of charts) g.draw();
  };
  theme.hidden = false;
  theme.addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; paint(); });
  prefersDark.addEventListener('change', paint);
  paint();
  let asked = 0;
  addEventListener('resize', () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(() => charts.forEach(g => g.fit())); });
})();
