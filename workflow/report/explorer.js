// The explorer: what each intervention did to the data, to the weights and to the accuracy.
//
// State (what is chosen) -> rows -> charts of charts.json, drawn by Vega-Lite. The state lives in the address after
// "#explore&", so that a link restores it. Blocks of data are parsed when they are first looked at.
"use strict";

(() => {
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  const section = document.getElementById("explorer");
  const source = document.getElementById("data-index");
  if (!section || !source || typeof vegaEmbed === "undefined") return;

  const TOGETHER = "hidden";
  const BASELINE = "baseline";
  const KEYS = ["dataset", "backbone", "family", "dose", "metric", "source", "layer", "outcome"];
  const SOURCES = {change: "change from before to after", delta: "the update itself (after − before)"};
  const cache = new Map();
  const drawn = new Map();
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const index = JSON.parse(source.textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let state = {};

  // --- data

  function block(name) {
    if (!cache.has(name)) {
      const element = document.getElementById(`data-${name}`);
      cache.set(name, element ? JSON.parse(element.textContent) : null);
    }
    return cache.get(name);
  }

  const setup = () => index.setups.findIndex((s) => s.dataset === state.dataset && s.backbone === state.backbone);
  // A family's doses and the pool of baseline runs, which stands in each family at the number that changes nothing.
  const conditionsOf = (family) =>
    index.conditions.map(([name, dose, number], at) => ({name, dose, at, number: name === BASELINE ? index.families[family].neutral : number}))
      .filter((c) => c.name === family || c.name === BASELINE).sort((a, b) => a.number - b.number || (b.name === BASELINE) - (a.name === BASELINE));
  const chosen = () => conditionsOf(state.family).find((c) => c.dose === state.dose);
  const baseline = () => conditionsOf(state.family).find((c) => c.dose === BASELINE);
  const effects = () => block(`effects-${setup()}-${state.metric}-${state.source}`);
  const outcomes = () => block(`outcomes-${setup()}`);
  const at = (list, place) => (Array.isArray(list) ? list[place] : list);

  function layerNames() {
    const found = effects();
    return found ? found.layers : [];
  }

  function spectrumLayer() {
    // The layer whose spectrum is shown: the chosen one, else the nearest that the page holds, or the widest.
    const names = layerNames();
    const held = names.filter((name) => document.getElementById(`data-esd-${setup()}-${name}`));
    if (!held.length) return null;
    if (held.includes(state.layer)) return state.layer;
    const place = names.indexOf(state.layer);
    if (place < 0) return held.reduce((a, b) => (size(b) > size(a) ? b : a));
    return held.reduce((a, b) => (distance(names, b, place) < distance(names, a, place) ? b : a));
  }

  const distance = (names, name, place) => Math.abs(names.indexOf(name) - place);
  const size = (name) => spectra(name).M * 1e6 + spectra(name).N;
  const spectra = (name) => block(`esd-${setup()}-${name}`);

  // --- words

  function number(value, digits = 4) {
    if (value === null || value === undefined) return "not known";
    const text = Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-4)
      ? value.toExponential(digits - 2) : String(Number(value.toPrecision(digits)));
    const [mantissa, power] = text.replace("-", "−").split("e");
    return mantissa + (power ? ` × 10${raised(power)}` : "");
  }

  const raised = (power) => power.replace("+", "").replace(/[-−]/, "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

  const counted = (n, what = "run") => `${n ?? 0} ${what}${n === 1 ? "" : "s"}`;
  const known = (half) => half !== null && half !== undefined;
  function alike(mean, half, limits) {
    // Mean, low and high with equal decimals: what two digits of the interval need, three or four of the largest.
    const [least, most] = limits ?? [-Infinity, Infinity];
    const values = [mean, Math.max(mean - half, least), Math.min(mean + half, most)];
    const largest = Math.max(...values.map(Math.abs));
    if (!(half > 0) || largest >= 1e5 || largest < 1e-6) return values.map((value) => number(value));
    const size = Math.floor(Math.log10(largest));
    const decimals = Math.min(Math.max(1 - Math.floor(Math.log10(2 * half)), 2 - size), 3 - size);
    return values.map((value) => value.toFixed(Math.max(0, decimals)).replace("-", "−").replace(/^−([0.]*)$/, "$1"));
  }

  function estimate(mean, half, n, what = "run", limits = null) {
    // An estimate and its interval as [text, range].
    if (mean === null || mean === undefined) return ["not measured", "no interval"];
    if (!known(half)) return [number(mean), n === 1 ? `${counted(n, what)}, no interval` : "no interval"];
    const [middle, low, high] = alike(mean, half, limits);
    return [middle, `${low} to ${high}`];
  }

  const against = (c, n, base) => (c.dose === BASELINE ? counted(n) : `${counted(n)}, against ${base ?? 0} of the baseline`);
  const REFERENCE = "0 by definition: the reference";
  const isReference = (c, mean) => c.dose === BASELINE && mean !== null && mean !== undefined;
  const numbered = (c) => c.dose !== BASELINE || Boolean(c.number); // a baseline's 0 goes without saying
  const whyDestructive = (c) => index.destructive.find(([place, at]) => place === setup() && at === c.at)?.[2];
  const doseLabel = (c) => (numbered(c) ? `${c.dose} (${number(c.number)})` : c.dose) + (whyDestructive(c) ? " †" : "");
  const doseOption = (c) => (numbered(c) ? `${c.dose} (${number(c.number)})` : c.dose) + (whyDestructive(c) ? " † destructive" : "");
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const layerLabel = (name) =>
    name === TOGETHER ? "all hidden layers (mean)" : name.replace(/\/weight$/, "").replace("/", ", ");
  const title = () => index.families[state.family].title;

  // --- look

  function colors() {
    const look = index.families[state.family];
    const own = getComputedStyle(document.documentElement);
    const of = (name) => own.getPropertyValue(`--${name}`).trim();
    return {
      color: dark.matches ? look.dark : look.color, grey: of("quiet"), page: of("page"), text: of("text"), line: of("line"),
    };
  }

  function config(look) {
    return {
      background: "transparent",
      view: {stroke: null},
      font: "system-ui, sans-serif",
      axis: {
        labelColor: look.text, titleColor: look.text, domainColor: look.grey, tickColor: look.grey, gridColor: look.line,
        gridOpacity: 0.6, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      },
      legend: {labelColor: look.text, labelFontSize: 12},
    };
  }

  // --- charts

  function draw(name, kind, values, datasets) {
    const target = document.getElementById(`chart-${name}`);
    const look = colors();
    const all = {...look, ...values};
    const text = JSON.stringify(charts[kind]).replace(/"@(\w+)"/g, (_, key) => JSON.stringify(all[key] ?? null));
    const key = text + JSON.stringify(datasets);
    if (drawn.get(name)?.key === key) return Promise.resolve();
    const spec = {...JSON.parse(text), datasets};
    spec.layer = spec.layer.filter((layer) => datasets[layer.data.name].length);
    drawn.get(name)?.result?.finalize();
    drawn.set(name, {key});
    target.classList.remove("empty");
    return vegaEmbed(target, spec, {actions: false, renderer: "svg", config: config(look), tooltip: {theme: dark.matches ? "dark" : "light"}})
      .then((result) => {
        if (drawn.get(name).key !== key) return result.finalize();
        drawn.get(name).result = result;
        result.view.addEventListener("click", (_, item) => {
          if (item?.datum?.layer) change({layer: item.datum.layer});
          if (item?.datum?.choice) change({dose: item.datum.choice});
        });
        return undefined;
      });
  }

  function empty(name, reason) {
    drawn.get(name)?.result?.finalize();
    drawn.delete(name);
    const target = document.getElementById(`chart-${name}`);
    target.classList.add("empty");
    target.textContent = reason;
    return Promise.resolve();
  }

  const tip = (pairs) => pairs.map(([field, words]) => ({field, title: words, type: "nominal"}));
  const RUN_TIP = tip([["run", "run"], ["text", "value"]]);
  const MEAN_TIP = tip([["run", "condition"], ["text", "mean"], ["range", index.interval], ["n", "n"]]);
  const LAYER_TIP = tip([["name", "layer"], ["run", "condition"], ["text", "mean effect"], ["range", index.interval], ["n", "n"]]);

  function meanRow(c, mean, half, n, isEffect, what, base, limits = null) {
    const [least, most] = limits ?? [-Infinity, Infinity];
    const [text, range] = estimate(mean, half, n, what, limits);
    const row = {
      dose: doseLabel(c), choice: c.dose, mean, low: Math.max(least, mean - (half ?? 0)), high: Math.min(most, mean + (half ?? 0)),
      chosen: c.dose === state.dose, run: `${title()}, ${c.dose}`, text,
      range: isEffect && isReference(c, mean) ? REFERENCE : range, n: isEffect ? against(c, n, base) : counted(n, what),
    };
    return {...row, said: `${row.run}: ${row.text}; ${index.interval}: ${row.range}; n = ${row.n}`};
  }

  function doseChart(name, values, label, band, what = "run") {
    const conditions = conditionsOf(state.family).filter((c) => (values.mean[c.at] ?? null) !== null);
    if (!conditions.length) return empty(name, `Not measured for ${title()}${values.only ? `: ${values.only}` : ""}.`);
    const places = new Map(conditions.map((c) => [c.at, c]));
    const runs = (values.runs ?? []).filter(([place, , value]) => places.has(place) && value !== null)
      .map(([place, seed, value]) => {
        const c = places.get(place);
        const run = `${title()}, ${c.dose}, seed ${seed}`;
        return {dose: doseLabel(c), value, run, text: number(value), said: `${run}: ${number(value)}`};
      });
    const base = places.get(baseline()?.at);
    const means = conditions.map((c) =>
      meanRow(c, values.mean[c.at], values.half[c.at], at(values.n, c.at), !band, what, base && at(values.n, base.at), values.limits));
    const middle = base ? values.mean[base.at] : null;
    const half = base ? values.half[base.at] : null;
    const [least, most] = values.limits ?? [-Infinity, Infinity];
    return draw(name, "dose", {
      description: `${label} against dose of ${title()}`, value: label, dose: `dose of ${title()}: ${index.families[state.family].axis}`,
      doses: conditions.map(doseLabel), runTooltip: RUN_TIP, meanTooltip: MEAN_TIP,
    }, {
      runs, means, level: middle === null ? [] : [{value: middle}],
      band: band && half !== null ? [{low: Math.max(least, middle - half), high: Math.min(most, middle + half)}] : [],
    });
  }

  function effectChart() {
    const found = effects();
    if (!found) return empty("effect", "The effects on this metric were not measured for this data set and backbone.");
    const label = `effect on ${index.metrics[state.metric]}`;
    if (state.layer === TOGETHER) {
      return found.roles.hidden ? doseChart("effect", found.roles.hidden, label, false) : empty("effect", "No hidden layer was measured.");
    }
    const place = found.layers.indexOf(state.layer);
    const column = (rows) => rows.map((row) => (row === null ? null : at(row, place)));
    const values = {mean: column(found.mean), half: column(found.half), n: column(found.n)};
    if (!found.hidden.includes(place) && found.roles.head && found.layers.length - found.hidden.length === 1) values.runs = found.roles.head.runs;
    return doseChart("effect", values, label, false);
  }

  function layersChart() {
    const found = effects();
    const c = chosen();
    const row = found?.mean[c.at];
    if (!row) return empty("layers", "No effect by layer was measured for this condition.");
    const layers = found.hidden.map((place, order) => ({place, order})).filter(({place}) => row[place] !== null).map(({place, order}) => {
      const half = at(found.half[c.at], place);
      const name = found.layers[place];
      const base = baseline();
      const point = meanRow(c, row[place], half, at(found.n[c.at], place), true, "run", base && at(found.n[base.at], place));
      return {
        ...point, choice: null, place: order + 1, layer: name, name: layerLabel(name), chosen: name === state.layer,
        said: `layer ${order + 1}, ${layerLabel(name)}: ${point.said}`,
      };
    });
    if (!layers.length) return empty("layers", "No hidden layer was measured for this condition.");
    return draw("layers", "layers", {
      description: `effect of ${title()}, ${c.dose}, on every hidden layer`, value: `effect on ${index.metrics[state.metric]}`,
      ends: [0.5, found.hidden.length + 0.5], layerTooltip: LAYER_TIP,
    }, {layers, level: [{value: 0}], chosen: layers.filter((layer) => layer.chosen).map(({place}) => ({place}))});
  }

  function spectrumChart(name, matrices) {
    const layer = spectrumLayer();
    const found = layer && spectra(layer);
    const look = colors();
    const wanted = matrices(found, look).filter((curve) => curve.spectrum);
    document.getElementById(`beyond-${name}`).textContent = "";
    if (!wanted.length) return empty(name, "This page has no spectrum of this condition.");
    const steps = [];
    const bins = [];
    const law = [];
    let beyond = "";
    wanted.forEach(({what, ends, spectrum}) => {
      const [counts, [lower, upper], seeds] = spectrum;
      const total = counts.reduce((a, b) => a + b, 0);
      const width = (ends.high - ends.low) / counts.length;
      const edge = (bin) => 10 ** (ends.low + bin * width);
      counts.forEach((count, bin) => {
        const share = (100 * count) / total / width;
        const range = `${number(edge(bin), 3)} to ${number(edge(bin + 1), 3)}`;
        steps.push({x: edge(bin), share, what});
        bins.push({x: edge(bin + 0.5), share, what, range, count: `${count} of ${total}`, seeds, said: `${what}: ${count} of ${total} eigenvalues in ${range}`});
      });
      steps.push({x: edge(counts.length), share: (100 * counts.at(-1)) / total / width, what});
      if (what === wanted.at(-1).what && lower !== null) {
        law.push({x: lower, what: "lower edge of the Marchenko-Pastur law"}, {x: upper, what: "upper edge of the Marchenko-Pastur law"});
      }
    });
    const xs = steps.map((row) => row.x);
    const ends = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
    const within = law.filter(({x}) => x >= ends[0] && x <= ends[1]);
    law.filter((line) => !within.includes(line)).forEach(({x, what}) => {
      beyond += `The ${what}, ${number(x, 3)}, lies ${x < ends[0] ? "left" : "right"} of the axis. `;
    });
    document.getElementById(`beyond-${name}`).textContent = beyond;
    return draw(name, "spectrum", {
      description: `spectrum of ${layerLabel(layer)}: ${wanted.map((curve) => curve.what).join(", ")}`,
      names: wanted.map((curve) => curve.what), colors: wanted.map((curve) => curve.color), dashes: wanted.map((curve) => curve.dash),
      ends, axis: `eigenvalue λ, logarithmic axis from ${number(ends[0], 3)} to ${number(ends[1], 3)}`,
    }, {steps, bins, law: within});
  }

  const curve = (part, place, what, color, dash = [1, 0]) => ({what, ends: part, spectrum: part?.spectra[place], color, dash});
  const weights = (found, look) => !found ? [] : [
    curve(found.before, "all", "before training", look.grey, [8, 2, 2, 2]),
    curve(found.after, baseline()?.at, `after, ${BASELINE}`, look.text, [4, 3]),
    state.dose === BASELINE ? {} : curve(found.after, chosen().at, `after, ${title()}, ${state.dose}`, look.color),
  ];
  const update = (found, look) => !found ? [] : [
    curve(found.delta, baseline()?.at, `update, ${BASELINE}`, look.text, [4, 3]),
    state.dose === BASELINE ? {} : curve(found.delta, chosen().at, `update, ${title()}, ${state.dose}`, look.color),
  ];

  function outcomeChart() {
    const found = outcomes();
    const values = found?.values[state.outcome];
    return values ? doseChart("outcome", values, found.labels[state.outcome], true, found.counted[state.outcome]) : empty("outcome", "This outcome was not measured for this data set and backbone.");
  }

  function pictures() {
    const found = block(`samples-${state.dataset}`);
    const own = found?.pictures[`${state.family}/${state.dose}`];
    const recipe = found?.recipe[`${state.family}/${state.dose}`];
    const synthetic = found?.pictures[`synthetic/${recipe}`];
    const shown = [["real images", found?.pictures.real]];
    if (own) shown.push([`${title()}, ${state.dose}`, own]);
    if (synthetic) shown.push([`synthetic images, recipe ${recipe}`, synthetic]);
    const target = document.getElementById("chart-samples");
    target.replaceChildren(...shown.filter(([, uri]) => uri).map(([words, uri]) => {
      const figure = document.createElement("figure");
      const image = Object.assign(new Image(), {src: uri, alt: `Examples of the training set: ${words}`});
      const caption = Object.assign(document.createElement("figcaption"), {textContent: words});
      figure.append(image, caption);
      return figure;
    }));
    const changed = own || synthetic || state.dose === BASELINE || !target.childElementCount;
    target.classList.toggle("empty", !shown[0][1] && !own);
    if (!target.childElementCount) target.textContent = "This page has no images of this data set.";
    document.getElementById("note-samples").textContent = changed ? "" : `No images of ${title()}, ${state.dose} are kept: only those of families that change single images, and of recipes of synthetic ones.`;
  }

  function words() {
    const c = chosen();
    const found = effects();
    const layer = state.layer;
    const role = found?.roles.hidden;
    const place = layerNames().indexOf(layer);
    const [mean, half, n] = layer === TOGETHER
      ? [role?.mean[c.at], role?.half[c.at], at(role?.n, c.at)]
      : [at(found?.mean[c.at], place), at(found?.half[c.at], place), at(found?.n[c.at], place)];
    const values = outcomes()?.values[state.outcome];
    const base = baseline();
    const runs = (of) => (of ? (layer === TOGETHER ? at(role?.n, of.at) : at(found?.n[of.at], place)) : 0);
    const told = (...of) => {
      const [middle, range] = estimate(...of);
      return `${middle}, ${known(of[1]) ? `${index.interval} ` : ""}${range}`;
    };
    const parts = [`${capital(title())}, ${state.dose}, on ${state.dataset} with ${state.backbone}.`];
    if (whyDestructive(c)) parts.push(`† It destroys accuracy or labels: ${whyDestructive(c)}.`);
    parts.push(`Effect on ${index.metrics[state.metric]}, ${layerLabel(layer)}: ${isReference(c, mean) ? REFERENCE : told(mean, half, n)}, n = ${against(c, n, runs(base))}.`);
    if (values) {
      const what = outcomes().counted[state.outcome];
      const of = (one) => {
        const [middle, range] = estimate(values.mean[one.at], values.half[one.at], at(values.n, one.at), what, values.limits);
        if ((values.mean[one.at] ?? null) === null) return values.only ? `${middle} (${values.only})` : middle;
        return `${middle} (${known(values.half[one.at]) ? `${index.interval} ${range}, n = ${counted(at(values.n, one.at), what)}` : range})`;
      };
      parts.push(`${capital(outcomes().labels[state.outcome])}: ${of(c)}${base && c.dose !== BASELINE && (values.mean[base.at] ?? null) !== null ? `, baseline ${of(base)}` : ""}.`);
    }
    document.getElementById("explorer-words").textContent = parts.join(" ");
    const shown = spectrumLayer();
    const note = !shown ? "" : shown === layer ? `Layer ${layerLabel(shown)}.`
      : layer === TOGETHER ? `Layer ${layerLabel(shown)}, the widest; choose a layer to see another.`
      : `Layer ${layerLabel(shown)}, the nearest to the chosen one whose spectrum this page holds.`;
    const sizes = shown && spectra(shown);
    document.getElementById("note-spectrum").textContent = note.replace(layerLabel(shown), (name) => name + (sizes?.N ? ` (${sizes.N} × ${sizes.M})` : ""));
  }

  // --- state

  function fill(key, options, fallback = options[0]?.[0]) {
    // Options [value, words] of a select; a value that is not among them gives way to the fallback.
    const select = document.getElementById(`choose-${key}`);
    const text = JSON.stringify(options);
    if (select.dataset.options !== text) {
      select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
      select.dataset.options = text;
    }
    if (!options.some(([value]) => value === state[key])) state[key] = fallback;
    select.value = state[key];
    select.closest("label").hidden = options.length < 2;
  }

  const unique = (list) => [...new Set(list)];

  function settle() {
    fill("dataset", unique(index.setups.map((s) => s.dataset)).map((name) => [name, name]));
    fill("backbone", index.setups.filter((s) => s.dataset === state.dataset).map((s) => [s.backbone, s.backbone]));
    fill("family", Object.entries(index.families).map(([name, look]) => [name, look.title]));
    const doses = conditionsOf(state.family).map((c) => [c.dose, doseOption(c)]);
    fill("dose", doses, index.families[state.family].strongest ?? doses.at(-1)?.[0]);
    fill("metric", Object.entries(index.metrics));
    fill("source", index.sources.map((name) => [name, SOURCES[name] ?? name]));
    const found = effects();
    const hidden = (found?.layers ?? []).map((name, place) => [name, `${layerLabel(name)}${found.hidden.includes(place) ? "" : " (head)"}`]);
    fill("layer", [[TOGETHER, layerLabel(TOGETHER)], ...hidden]);
    fill("outcome", Object.entries(outcomes()?.labels ?? {}));
  }

  const address = () => "#explore&" + KEYS.map((key) => `${key}=${encodeURIComponent(state[key] ?? "")}`).join("&");

  function parsed(hash) {
    if (!hash.startsWith("#explore&")) return null;
    const found = new URLSearchParams(hash.slice("#explore&".length));
    return Object.fromEntries(KEYS.filter((key) => found.get(key)).map((key) => [key, found.get(key)]));
  }

  async function render() {
    settle();
    document.getElementById("state-link").href = address();
    words();
    pictures();
    await Promise.all([effectChart(), layersChart(), spectrumChart("spectrum", weights), spectrumChart("update", update), outcomeChart()]);
    section.dataset.look = dark.matches ? "dark" : "light";
    section.dataset.state = address();
  }

  function change(part) {
    state = {...state, ...part};
    settle();
    history.replaceState(null, "", address());
    return render();
  }

  KEYS.forEach((key) => document.getElementById(`choose-${key}`).addEventListener("change", (event) => change({[key]: event.target.value})));
  window.addEventListener("hashchange", () => {
    const found = parsed(location.hash);
    if (found) change(found).then(show);
  });
  dark.addEventListener("change", render);
  document.querySelectorAll("a[data-explore]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    change(parsed(link.hash) ?? {}).then(show);
  }));

  const show = () => section.scrollIntoView({behavior: still.matches ? "auto" : "smooth"});
  section.hidden = false;
  document.querySelectorAll(".with-script").forEach((part) => { part.hidden = false; });
  const first = parsed(location.hash);
  state = first ?? {};
  render().then(() => {
    if (first) section.scrollIntoView();
    performance.mark("explorer-ready");
  });
})();
