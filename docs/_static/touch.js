/* Touch it: the article's network, trained in the page.

   First the network, as sklearn_scratchnn/network/network.py states it, with the same
   tags: F1 and F2 forward, L1 to L3 the loss, B1 to B4 backward, and the update. Then
   the points, a training, the guided stops, and last what is drawn and touched.

   A matrix is one flat Float64Array, row after row, as NumPy keeps it. Points, starts
   and Python's losses come from touch_data.js, which docs/_ext/touch.py writes. */

"use strict";

(() => {

// The network ---------------------------

// The slope is taken from the output a, never from z, as in activations.py.
const ACTIVATIONS = {
  tanh: {f: Math.tanh, slope: a => 1 - a * a},
  logistic: {f: z => 1 / (1 + Math.exp(-z)), slope: a => a * (1 - a)},
  relu: {f: z => z > 0 ? z : 0, slope: a => a > 0 ? 1 : 0},
};

// All parameters in one vector, first the weights, then the biases; two inputs, two outputs.
function makeParameters(units) {
  const theta = new Float64Array(5 * units + 2);
  let start = 0;
  const view = size => theta.subarray(start, start += size);
  return {theta, W1: view(2 * units), W2: view(2 * units), b1: view(units), b2: view(2)};
}

function makeNetwork(units, activation) {
  return {units, activation, ...makeParameters(units)};
}

function copyOf({units, activation, theta}) {
  const copy = makeNetwork(units, activation);
  copy.theta.set(theta);
  return copy;
}

// lecun_normal: independent normals over sqrt(fan_in), W1 first; biases are zero.
function drawWeights(network, draws) {
  const {units, W1, W2, b1, b2} = network;
  for (let i = 0; i < 2 * units; i++) {
    W1[i] = draws[i] / Math.sqrt(2);
    W2[i] = draws[2 * units + i] / Math.sqrt(units);
  }
  b1.fill(0);
  b2.fill(0);
}

// What the passes write into, made once for as many rows.
function makeWorkspace(rows, units) {
  const matrix = columns => new Float64Array(rows * columns);
  return {
    z1: matrix(units), a1: matrix(units), z2: matrix(2), p: matrix(2),
    delta2: matrix(2), dC_da1: matrix(units), delta1: matrix(units),
  };
}

function linear(a, W, b, z, rows, fanIn, fanOut) {
  for (let r = 0; r < rows; r++)
    for (let o = 0; o < fanOut; o++) {
      let sum = b[o];
      for (let i = 0; i < fanIn; i++) sum += a[r * fanIn + i] * W[i * fanOut + o];
      z[r * fanOut + o] = sum;                                    // F1  z = a W + b
    }
}

function linearBackward(delta, a, dW, db, rows, fanIn, fanOut) {
  dW.fill(0);
  db.fill(0);
  for (let r = 0; r < rows; r++)
    for (let o = 0; o < fanOut; o++) {
      const d = delta[r * fanOut + o];
      for (let i = 0; i < fanIn; i++) dW[i * fanOut + o] += a[r * fanIn + i] * d;   // B1
      db[o] += d;                                                                   // B2
    }
}

function linearBackwardInput(delta, W, dC_da, rows, fanIn, fanOut) {
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < fanIn; i++) {
      let sum = 0;
      for (let o = 0; o < fanOut; o++) sum += delta[r * fanOut + o] * W[i * fanOut + o];
      dC_da[r * fanIn + i] = sum;                                 // B3  delta W^T
    }
}

function activate(name, z, a, size) {
  const f = ACTIVATIONS[name].f;
  for (let i = 0; i < size; i++) a[i] = f(z[i]);                  // F2  a = f(z)
}

function activationBackward(name, a, dC_da, delta, size) {
  const slope = ACTIVATIONS[name].slope;
  for (let i = 0; i < size; i++) delta[i] = dC_da[i] * slope(a[i]);                 // B4
}

// Softmax and cross-entropy of two classes; returns the sum over rows of weight * C_row.
// The larger logit is subtracted first, so that no exponential overflows.
function lossAndDelta(z, y, weight, p, delta, rows) {
  let loss = 0;
  for (let r = 0; r < rows; r++) {
    const j = 2 * r, top = Math.max(z[j], z[j + 1]);
    const e0 = Math.exp(z[j] - top), e1 = Math.exp(z[j + 1] - top), sum = e0 + e1;
    p[j] = e0 / sum;                                              // L1  p = softmax(z)
    p[j + 1] = e1 / sum;
    loss -= weight * (z[j + y[r]] - top - Math.log(sum));         // L2  C = -log p[y]
    delta[j] = weight * (p[j] - (y[r] === 0));                    // L3  w (p - Y)
    delta[j + 1] = weight * (p[j + 1] - (y[r] === 1));
  }
  return loss;
}

function forward(network, X, rows, ws) {
  const {units, activation, W1, b1, W2, b2} = network;
  linear(X, W1, b1, ws.z1, rows, 2, units);                       // F1
  activate(activation, ws.z1, ws.a1, rows * units);               // F2
  linear(ws.a1, W2, b2, ws.z2, rows, units, 2);                   // F1
}

function backward(network, X, rows, ws, gradient) {
  const {units, activation, W2} = network;
  linearBackward(ws.delta2, ws.a1, gradient.W2, gradient.b2, rows, units, 2);       // B1, B2
  linearBackwardInput(ws.delta2, W2, ws.dC_da1, rows, units, 2);                    // B3
  activationBackward(activation, ws.a1, ws.dC_da1, ws.delta1, rows * units);        // B4
  linearBackward(ws.delta1, X, gradient.W1, gradient.b1, rows, 2, units);           // B1, B2
}

// The objective: mean loss + penalty / 2 |W|^2, with penalty = alpha / n; biases are free.
function objective(network, X, y, rows, penalty, ws) {
  forward(network, X, rows, ws);
  return lossAndDelta(ws.z2, y, 1 / rows, ws.p, ws.delta2, rows) + penaltyOf(network, penalty);
}

function penaltyOf({theta, units}, penalty) {
  let squares = 0;
  for (let i = 0; i < 4 * units; i++) squares += theta[i] * theta[i];
  return penalty / 2 * squares;
}

function objectiveAndGradient(network, X, y, rows, penalty, ws, gradient) {
  const value = objective(network, X, y, rows, penalty, ws);
  backward(network, X, rows, ws, gradient);
  for (let i = 0; i < 4 * network.units; i++)
    gradient.theta[i] += penalty * network.theta[i];
  return value;
}

function update(network, gradient, rate) {
  const theta = network.theta, slope = gradient.theta;
  for (let i = 0; i < theta.length; i++) theta[i] -= rate * slope[i];               // update
}

// The points ----------------------------

// Uniform numbers from a seed (mulberry32); the starts do not come from here.
function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Two half circles with normal noise, as scikit-learn's make_moons draws them.
function makeMoons(count, noise, seed) {
  const random = makeRandom(seed), half = count / 2;
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const X = new Float64Array(2 * count), y = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const t = Math.PI * (i % half) / (half - 1);
    y[i] = i < half ? 0 : 1;
    X[2 * i] = (y[i] ? 1 - Math.cos(t) : Math.cos(t)) + noise * normal();
    X[2 * i + 1] = (y[i] ? 0.5 - Math.sin(t) : Math.sin(t)) + noise * normal();
  }
  return {X, y};
}

// At the article's noise its own points, and fresh ones of scikit-learn's.
function pointsOf(noise, data) {
  if (noise === 0.2) return {
    train: {X: Float64Array.from(data.X), y: Uint8Array.from(data.y)},
    fresh: {X: Float64Array.from(data.X_fresh), y: Uint8Array.from(data.y_fresh)},
  };
  return {train: makeMoons(200, noise, 1), fresh: makeMoons(1000, noise, 2)};
}

function accuracy(z, y, rows) {
  let right = 0;
  for (let r = 0; r < rows; r++) right += (z[2 * r + 1] > z[2 * r]) === (y[r] === 1);
  return right / rows;
}

// A training ----------------------------

const ARTICLE = {
  rate: 2, units: 3, activation: "tanh", alpha: 0.01, batch: 0, noise: 0.2, start: 0,
};

// One network and its points; settings are read anew at every pass.
class Training {
  constructor(data, settings = {}) {
    this.data = data;
    this.settings = {...ARTICLE, ...settings};
    this.restore();
  }

  // The points as they were drawn, and a new start.
  restore() {
    const {train, fresh} = pointsOf(this.settings.noise, this.data);
    this.X = train.X;
    this.y = train.y;
    this.fresh = fresh;
    this.reset();
  }

  // The start's weights, and no pass made.
  reset() {
    const {units, activation, start} = this.settings;
    this.network = makeNetwork(units, activation);
    this.gradient = makeParameters(units);
    drawWeights(this.network, this.data.draws[start]);
    this.freshSpace = makeWorkspace(this.fresh.y.length, units);
    this.random = makeRandom(start + 1);
    this.losses = new Float64Array(1024);
    this.freshLosses = [];
    this.marks = [];
    this.passes = 0;
    this.pointsChanged();
  }

  pointsChanged() {
    const rows = this.rows = this.y.length;
    this.since = this.passes;
    this.ws = makeWorkspace(rows, this.settings.units);
    this.order = Uint32Array.from({length: rows}, (_, i) => i);
    this.batchX = new Float64Array(2 * rows);
    this.batchY = new Uint8Array(rows);
    this.measure();
  }

  get penalty() {
    return this.settings.alpha / this.rows;
  }

  // The objective with all points, as it is now.
  objectiveNow(network = this.network) {
    return objective(network, this.X, this.y, this.rows, this.penalty, this.ws);
  }

  // Loss and accuracy of the weights as they are.
  measure() {
    const {network, fresh, freshSpace} = this, rows = fresh.y.length;
    this.loss = this.losses[this.passes] = this.objectiveNow();
    this.accuracy = accuracy(this.ws.z2, this.y, this.rows);
    this.freshLoss = objective(network, fresh.X, fresh.y, rows, 0, freshSpace);
    this.freshAccuracy = accuracy(freshSpace.z2, fresh.y, rows);
    const last = this.freshLosses.at(-1);
    if (last && last[0] === this.passes) this.freshLosses.pop();
    this.freshLosses.push([this.passes, this.freshLoss]);
    if (this.freshLosses.length > 2000)
      this.freshLosses = this.freshLosses.filter((_, i) => i % 2 === 0);
  }

  // One visit of all points; losses[i] is the loss that pass i + 1 starts from.
  pass() {
    const {network, gradient, ws, settings, rows} = this;
    const {rate, batch} = settings;
    if (this.passes + 2 > this.losses.length) {
      const longer = new Float64Array(2 * this.losses.length);
      longer.set(this.losses);
      this.losses = longer;
    }
    if (batch === 0 || batch >= rows) {
      this.losses[this.passes] = objectiveAndGradient(
        network, this.X, this.y, rows, this.penalty, ws, gradient);
      update(network, gradient, rate);
    } else {
      this.losses[this.passes] = this.objectiveNow();
      this.shuffle();
      for (let start = 0; start < rows; start += batch) {
        const size = this.takeBatch(start, Math.min(start + batch, rows));
        objectiveAndGradient(
          network, this.batchX, this.batchY, size, this.penalty, ws, gradient);
        update(network, gradient, rate);
      }
    }
    this.passes++;
  }

  shuffle() {
    const order = this.order;
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(this.random() * (i + 1)), kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
  }

  takeBatch(start, stop) {
    for (let i = start; i < stop; i++) {
      const r = this.order[i];
      this.batchX[2 * (i - start)] = this.X[2 * r];
      this.batchX[2 * (i - start) + 1] = this.X[2 * r + 1];
      this.batchY[i - start] = this.y[r];
    }
    return stop - start;
  }

  // Pass after pass; fresh points are asked now and then.
  run(passes) {
    const often = Math.max(1, Math.ceil(passes / 60));
    for (let i = 1; i <= passes; i++) {
      this.pass();
      if (i % often === 0) this.measure();
    }
    this.measure();
    return this;
  }

  set(changes) {
    const old = this.settings, has = name => name in changes && changes[name] !== old[name];
    const anew = has("units") || has("activation") || has("start"), moved = has("noise");
    if (has("rate") && this.passes && !anew && !moved) {
      if (this.marks.at(-1)?.[0] === this.passes) this.marks.pop();
      this.marks.push([this.passes, `rate ${changes.rate}`]);
    }
    this.settings = {...old, ...changes};
    if (moved) this.restore();
    else if (anew) this.reset();
    else {
      if (has("rate") || has("alpha") || has("batch")) this.since = this.passes;
      this.measure();
    }
  }

  // Hidden units that answer every point with exactly 0, as only a ReLU can.
  deadUnits() {
    const {units, activation} = this.settings, dead = [];
    if (activation !== "relu") return dead;
    for (let u = 0; u < units; u++) {
      let alive = false;
      for (let r = 0; r < this.rows && !alive; r++) alive = this.ws.a1[r * units + u] > 0;
      if (!alive) dead.push(u);
    }
    return dead;
  }

  // What the losses have done since the last change of what they are the losses of.
  verdict() {
    const {losses, passes: n, since} = this;
    if (!Number.isFinite(losses[n])) return {state: "overflows"};
    if (n - since < 30) return {state: !since ? "starts" : n === since ? "changed" : "settles"};
    let turns = 0, least = Infinity, most = 0, drift = 0;
    for (let i = n - 19; i <= n; i++) {
      const step = losses[i] - losses[i - 1];
      if (step * (losses[i - 1] - losses[i - 2]) < 0) turns++;
      least = Math.min(least, Math.abs(step));
      most = Math.max(most, Math.abs(step));
      drift = Math.max(drift, Math.abs(losses[i] - losses[i - 2]));
    }
    if (most < 2e-8) return {state: "rests"};
    if (turns < 4) return {state: losses[n] < losses[n - 20] ? "falls" : "rises"};
    // How far the lowest of twenty losses sank since `back` passes ago: a cycle may yet sink.
    const lowest = end => Math.min(...losses.subarray(end - 19, end + 1)), low = lowest(n);
    const back = Math.min(300, n - since - 19), sank = lowest(n - back) - low > most / 20;
    if (sank && low < lowest(n - Math.min(100, back))) return {state: "swings"};
    const cycle = !sank && turns === 20 && back === 300 && least > 1e-6 && drift < least / 4;
    return cycle ? {state: "alternates", low, high: Math.max(losses[n], losses[n - 1])} :
      {state: "wanders"};
  }
}

// Slow motion ---------------------------

// One pass with all points, its matrices kept as [numbers, rows, columns].
function slowMotion(training) {
  const {network, X, y, rows, settings, penalty} = training, {units} = network;
  const ws = makeWorkspace(rows, units), gradient = makeParameters(units);
  const now = copyOf(network);
  const C = objectiveAndGradient(network, X, y, rows, penalty, ws, gradient);
  const Y = Float64Array.from({length: 2 * rows}, (_, i) => +(y[i >> 1] === i % 2));
  const after = copyOf(network);
  update(after, gradient, settings.rate);
  const step = makeParameters(units);
  update(step, gradient, settings.rate);
  const named = (prefix, {W1, b1, W2, b2}) => ({
    [`${prefix}W1`]: [W1, 2, units], [`${prefix}b1`]: [b1, 1, units],
    [`${prefix}W2`]: [W2, units, 2], [`${prefix}b2`]: [b2, 1, 2],
  });
  return {C, penalty: penaltyOf(network, penalty), rate: settings.rate, matrices: {
    X: [X, rows, 2], Y: [Y, rows, 2],
    ...named("", now), ...named("d", gradient), ...named("step", step),
    ...named("new", after),
    z1: [ws.z1, rows, units], a1: [ws.a1, rows, units], z2: [ws.z2, rows, 2], p: [ws.p, rows, 2],
    delta2: [ws.delta2, rows, 2], dC_da1: [ws.dC_da1, rows, units],
    delta1: [ws.delta1, rows, units],
  }};
}

// What the gradient foretells when parameter `index` moves by `step`, and what is found.
function nudge(training, index, step) {
  const {network, X, y, rows, penalty} = training;
  const ws = makeWorkspace(rows, network.units), gradient = makeParameters(network.units);
  const copy = copyOf(network);
  const now = objectiveAndGradient(copy, X, y, rows, penalty, ws, gradient);
  const at = h => {
    copy.theta[index] = network.theta[index] + h;
    return objective(copy, X, y, rows, penalty, ws);
  };
  const slope = gradient.theta[index], h = 1e-5;
  return {now, slope, found: at(step), foretold: now + slope * step, at,
    quotient: (at(h) - at(-h)) / (2 * h)};
}

// The guided stops ----------------------

// Each sets the controls, trains for so many passes, and keeps a promise, which
// tests/project/test_touch.py holds it to. Their texts stand in docs/learn/touch.rst.
const STOPS = {
  "start": {passes: 0, promise: t => t.passes === 0},
  "one-unit": {set: {units: 1, rate: 0.1}, passes: 2000,
    promise: t => t.loss > 0.29 && t.accuracy < 0.88},
  "three-units": {set: {rate: 1}, passes: 5000,
    promise: t => t.loss < 0.0685 && t.accuracy > 0.97},
  "two-step-cycle": {passes: 4000, promise: t => t.verdict().state === "alternates"},
  "cure": {before: 4000, set: {rate: 1}, passes: 4000,
    promise: t => t.loss < 0.0681 && t.verdict().state !== "alternates"},
  "fifty-units": {set: {units: 50, rate: 1}, passes: 6000,
    promise: t => t.loss < 0.05 && t.freshLoss > 3 * t.loss},
  "penalty": {set: {units: 50, rate: 1, alpha: 0.3}, passes: 6000,
    promise: t => t.freshLoss < 0.12},
  "minibatches": {set: {batch: 20, rate: 0.5}, passes: 100,
    promise: t => t.loss < 0.12 && /wanders|swings/.test(t.verdict().state)},
  "dead-start": {set: {activation: "relu", start: 4, rate: 1}, passes: 2000,
    promise: t => t.loss > 0.25 && t.deadUnits().length > 0},
};

// The page ------------------------------

const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10];
const SLIDERS = {
  rate: ["Learning rate", RATES],
  units: ["Hidden units", Array.from({length: 50}, (_, i) => i + 1)],
  alpha: ["Penalty α", [0, 0.001, 0.01, 0.1, 0.3, 1, 3, 10]],
  noise: ["Noise", [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5]],
};
const CHOICES = {
  activation: ["Activation", {tanh: "tanh", logistic: "logistic", relu: "ReLU"}],
  batch: ["Batch size", {0: "all points", 100: "100", 50: "50", 20: "20", 10: "10"}],
};
const SPEEDS = {2: "2 passes a second", 60: "60 passes a second",
  300: "300 passes a second", 1e9: "as fast as it can"};
const SMALL = ["rate", "units"];
const STILL_PASSES = 500;      // that Run makes at once where motion is not wanted
const FRAME_MS = 14;           // of training in a frame, at most

// The part of the plane that is shown.
const LEFT = -2, RIGHT = 3, BOTTOM = -1.6, TOP = 2.1;

const STEPS = [
  {tag: "F1", equation: "z_1 = X W_1 + b_1", show: "X W1 b1 → z1", part: "W1",
    says: "Each hidden unit adds up its weighted inputs and its bias: for every point."},
  {tag: "F2", equation: "a_1 = f(z_1)", show: "z1 → a1", part: "a1",
    says: "The activation f bends each number by itself. Without it there is no curve."},
  {tag: "F1", equation: "z_2 = a_1 W_2 + b_2", show: "a1 W2 b2 → z2", part: "W2",
    says: "The same once more: the scores of the two classes, from the units' answers."},
  {tag: "L1", equation: "p = softmax(z_2)", show: "z2 → p", part: "out",
    says: "Scores become probabilities. The two of a row sum to one."},
  {tag: "L2", equation: "C = mean of −log p[y] + α/2n |W|^2", show: "p Y → C", part: "out",
    says: "One number for all points: how improbable the right answers were, and the penalty."},
  {tag: "L3", equation: "δ_2 = (p − Y) / n", show: "p Y → delta2", part: "out",
    says: "Backwards now. How C changes with each score: what was said, less what is true."},
  {tag: "B1 B2", equation: "dW_2 = a_1^T δ_2 + α/n W_2, db_2 = Σ δ_2",
    show: "a1 delta2 → dW2 db2", part: "W2",
    says: "A weight is to blame as much as its input was active when its output was wrong."},
  {tag: "B3", equation: "dC/da_1 = δ_2 W_2^T", show: "delta2 W2 → dC_da1", part: "W2",
    says: "The blame goes back through the weights that it came by."},
  {tag: "B4", equation: "δ_1 = dC/da_1 · f′(z_1)", show: "dC_da1 a1 → delta1", part: "a1",
    says: "And through the activation: times its slope, which follows from a."},
  {tag: "B1 B2", equation: "dW_1 = X^T δ_1 + α/n W_1, db_1 = Σ δ_1",
    show: "X delta1 → dW1 db1", part: "W1",
    says: "The same as above, one layer down. Now every weight has its derivative."},
  {tag: "update", equation: "θ ← θ − η dC/dθ", part: "all",
    show: "W1 stepW1 → newW1; b1 stepb1 → newb1; W2 stepW2 → newW2; b2 stepb2 → newb2",
    says: "Every weight takes a step against its derivative: the rate η times as long."},
];
const ROWS_SHOWN = 4, COLUMNS_SHOWN = 4;

const times = (n, f) => Array.from({length: n}, (_, i) => f(i));
const whole = n => n.toLocaleString("en");
const percent = share => `${(100 * share).toFixed(1)} %`;
const pretty = text => text.replace(/_(\w)/g, "<sub>$1</sub>").replace(/\^(\w)/g, "<sup>$1</sup>");
// As the equations write it: "dC_da1" is dC/da_1, "newW1" is W_1 new.
const nameOf = key => key.replace(/^new(.*)/, "$1 new").replace("step", "−η d")
  .replace("delta", "δ").replace("C_", "C/").replace(/(\d)/, "_$1");
const options = pairs => pairs.map(([value, text]) =>
  `<option value="${value}">${text}</option>`).join("");
const pushButton = (action, text, more = "") =>
  `<button type="button" data-do="${action}"${more}>${text}</button>`;
const minus = text => text.replaceAll("-", "−");

// Three digits of a number, as a matrix shows them.
function digits(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return minus(size < 0.001 || size >= 1e4 ? value.toExponential(1) : value.toPrecision(3));
}

function verdictText({state, low, high}) {
  return {
    starts: "Training has hardly begun.",
    changed: "Changed: press Run.",
    settles: "Too few passes since the change to tell.",
    falls: "The loss falls.",
    rises: "The loss rises.",
    swings: "The loss goes up and down while it falls.",
    wanders: "The loss goes up and down.",
    rests: "The loss hardly moves any more.",
    overflows: "The loss is no number any more: the learning rate is far too large.",
    alternates: `The loss alternates between ${low?.toFixed(6)} and ${high?.toFixed(6)}, and ` +
      "the lower value sinks no more: this learning rate is too large. Halve it.",
  }[state];
}

// The names of the entries of theta, in its order.
function parameterNames(units) {
  const matrix = (name, rows, columns) => times(rows * columns,
    i => `${name}[${Math.floor(i / columns)}, ${i % columns}]`);
  const vector = (name, size) => times(size, i => `${name}[${i}]`);
  return [...matrix("W1", 2, units), ...matrix("W2", units, 2),
    ...vector("b1", units), ...vector("b2", 2)];
}

// A context whose unit is a CSS pixel, on an empty canvas.
function paint(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return [context, width, height];
}

function setCurrent(element, is) {
  if (is) element.setAttribute("aria-current", "step");
  else element.removeAttribute("aria-current");
}

// The path of a circle.
function disc(c, x, y, radius) {
  c.beginPath();
  c.arc(x, y, radius, 0, 7);
}

function rgb(colour) {
  return [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16));
}

let count = 0;

class Demo {
  constructor(root, data) {
    this.root = root;
    this.small = root.classList.contains("touch-small");
    this.id = `touch-${++count}`;
    this.training = new Training(data);
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.selected = -1;
    this.step = -1;
    this.speed = 300;
    this.view = "answer";
    this.nudged = 0;
    this.chosen = 0;
    this.said = 0;
    this.build();
    this.showControls();
    this.draw();
    new ResizeObserver(() => this.draw()).observe(root);
    new MutationObserver(() => this.draw())
      .observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
    this.still.addEventListener("change", () => this.draw());
  }

  // What the page is made of.

  build() {
    const {root, small, id} = this;
    const names = small ? SMALL : [...Object.keys(SLIDERS), ...Object.keys(CHOICES)];
    root.insertAdjacentHTML("beforeend", `
      ${small ? "" : `<nav class="touch-stops" aria-label="Guided stops"></nav>
      <div class="touch-look"></div>`}
      <div class="touch-bar">
        ${pushButton("run", "Run", ` class="touch-run"`)}
        ${pushButton("once", "One pass")}
        ${pushButton("reset", "Reset")}
        ${pushButton("another", "Another start")}
        ${small ? "" : `<label>Speed <select data-name="speed">${
          options(Object.entries(SPEEDS))}</select></label>`}
      </div>
      <div class="touch-controls">${names.map(name => this.control(name)).join("")}</div>
      <dl class="touch-status">
        ${[["pass", "Pass"], ["loss", "Loss"], ["freshLoss", "Loss, of fresh points"],
          ["accuracy", "Right, of these points"], ["fresh", "Right, of fresh points"]]
          .map(([key, text]) =>
          `<div><dt>${text}</dt><dd data-value="${key}"></dd></div>`).join("")}
      </dl>
      <div class="touch-stage">
        <figure class="touch-plane"><figcaption id="${id}-plane">The plane: orange is class 0,
          violet is class 1</figcaption>
          <canvas data-canvas="plane" ${small ? `role="img"` : `role="application" tabindex="0"`}
            aria-labelledby="${id}-plane" aria-describedby="${id}-help"></canvas></figure>
        <figure class="touch-loss"><figcaption>The loss; below, its last passes enlarged
          </figcaption><canvas data-canvas="loss" role="img"></canvas>
          <p class="touch-verdict"></p></figure>
        <figure class="touch-network"><figcaption>The network. Units answer from pink to green;
          weights are solid green above 0, dashed pink below</figcaption><canvas data-canvas="network" role="img"></canvas></figure>
      </div>
      ${small ? "" : this.pointsPanel()}
      <p class="touch-hidden" aria-live="polite" role="status"></p>
      ${small ? "" : this.slowPanel()}`);
    root.querySelector(".touch-fallback")?.classList.add("touch-replaced");
    this.find = selector => root.querySelector(selector);
    root.addEventListener("click", event => this.clicked(event));
    root.addEventListener("input", event => this.changed(event.target));
    if (!small) {
      this.gatherStops();
      this.listenToPlane();
      this.find("[data-name=speed]").value = this.speed;
    }
  }

  slider(name, label, min, max) {
    const id = `${this.id}-${name}`;
    return `<div><label for="${id}">${label} <output for="${id}"></output></label>
      <input type="range" id="${id}" data-name="${name}" min="${min}" max="${max}"></div>`;
  }

  control(name) {
    if (name in SLIDERS) return this.slider(name, SLIDERS[name][0], 0, SLIDERS[name][1].length - 1);
    const id = `${this.id}-${name}`;
    const [label, choices] = CHOICES[name];
    return `<div><label for="${id}">${label}</label><select id="${id}" data-name="${name}">${
      options(Object.entries(choices))}</select></div>`;
  }

  pointsPanel() {
    return `<fieldset class="touch-points"><legend>The points</legend>
      <label>New points are of <select data-name="kind"><option value="0">class 0, circles</option>
        <option value="1">class 1, triangles</option></select></label>
      ${pushButton("next", "Next point")}
      ${pushButton("add", "Add a point")}
      ${pushButton("remove", "Remove point")}
      ${pushButton("restore", "The points as they were")}
      <label>The plane shows <select data-name="view"></select></label>
      <p id="${this.id}-help">Click the plane to add a point; drag a point to move it (with
        a finger, tap it first). With the keyboard: choose a point with the buttons, go to the
        plane, and press the arrow keys; Delete removes it. Points in rings are on the wrong
        side. Dashed and numbered: where each hidden unit changes its sign.</p></fieldset>`;
  }

  slowPanel() {
    return `<section class="touch-slow" aria-labelledby="${this.id}-slow">
      <p class="touch-heading" id="${this.id}-slow">Slow motion: one pass, line by line</p>
      <div class="touch-bar">${pushButton("forth", "Next step", ` class="touch-run"`)}
        ${pushButton("back", "Back")}
        ${pushButton("finish", "Finish the pass")}</div>
      <ol class="touch-steps">${STEPS.map((step, i) => `<li><button type="button"
        data-step="${i}"><b>${step.tag}</b> <span>${pretty(step.equation)}</span></button></li>`)
        .join("")}</ol>
      <div class="touch-work"></div></section>
      <section class="touch-nudge" aria-labelledby="${this.id}-check">
      <p class="touch-heading" id="${this.id}-check">Check a derivative: nudge one weight</p>
      <div class="touch-controls"><div><label for="${this.id}-w">Weight</label>
        <select id="${this.id}-w" data-name="chosen"></select></div>
        ${this.slider("nudge", "Nudge", -100, 100)}</div>
      <div class="touch-found"><canvas data-canvas="nudge" role="img"></canvas>
        <dl class="touch-status"></dl></div></section>`;
  }

  // The stops' texts move into the page, one of them shown; their titles become the links.
  gatherStops() {
    const nav = this.find(".touch-stops"), look = this.find(".touch-look");
    for (const stop of document.querySelectorAll(".touch-stop")) {
      const title = stop.querySelector(".touch-title a");
      nav.insertAdjacentHTML("beforeend", `<a href="${title.getAttribute("href")}"></a>`);
      nav.lastChild.textContent = title.textContent;
      look.append(stop);
    }
    nav.addEventListener("click", event => {
      const name = event.target.hash?.slice("#stop=".length);
      if (name && event.target.hash === location.hash) this.go(name);
    });
    const follow = () => {
      const name = decodeURIComponent(location.hash).match(/^#stop=(.*)$/)?.[1];
      if (name in STOPS) this.go(name);
      return name in STOPS;
    };
    window.addEventListener("hashchange", follow);
    this.showStop("start");
    if (follow()) this.root.scrollIntoView();
  }

  showStop(name) {
    for (const stop of this.root.querySelectorAll(".touch-stop"))
      stop.hidden = stop.id !== `stop=${name}`;
    for (const link of this.root.querySelectorAll(".touch-stops a"))
      setCurrent(link, link.hash === `#stop=${name}`);
  }

  // Set the controls as a stop says, and train; at once where motion is not wanted.
  go(name, atOnce = this.still.matches) {
    const {before = 0, set = {}, passes} = STOPS[name];
    this.pause();
    this.rest();
    this.training = new Training(this.training.data, before ? {} : set);
    this.selected = -1;
    this.view = "answer";
    if (before) {
      this.training.run(before);
      this.training.set(set);
    }
    this.showControls();
    if (!this.small) this.showStop(name);
    if (atOnce) this.training.run(passes);
    else if (passes) this.play(passes, passes / 4);
    this.report();
  }

  // What is pressed.

  clicked({target}) {
    const button = target.closest("button");
    if (!button || !this.root.contains(button)) return;
    if (button.dataset.step) this.goToStep(+button.dataset.step);
    const action = button.dataset.do;
    if (action) this[action]();
  }

  changed(input) {
    const name = input.dataset.name;
    if (name in SLIDERS) this.set({[name]: SLIDERS[name][1][+input.value]});
    else if (name === "activation") this.set({activation: input.value});
    else if (name === "batch") this.set({batch: +input.value});
    else if (name === "speed") this.speed = +input.value;
    else if (name === "view") this.view = input.value;
    else if (name === "chosen") [this.chosen, this.nudged] = [+input.value, 0];
    else if (name === "nudge") this.nudged = +input.value / 100;
    if (name === "chosen" || name === "nudge") this.pause();
    this.draw();
  }

  set(changes) {
    this.rest();
    this.training.set(changes);
    if ("noise" in changes) this.selected = -1;
    if ("units" in changes) this.chosen = 0;
    this.showControls();
  }

  run() {
    if (this.playing) this.pause();
    else if (this.still.matches) this.advance(STILL_PASSES);
    else this.play(Infinity, 0);
    this.report();
  }

  once() {
    this.pause();
    this.advance(1);
    this.report();
  }

  advance(passes) {
    this.rest();
    this.training.run(passes);
  }

  reset() {
    this.pause();
    this.rest();
    this.training.reset();
    this.report();
  }

  another() {
    const {data, settings} = this.training;
    this.pause();
    this.set({start: (settings.start + 1) % data.draws.length});
    this.draw();
    this.say(`Start ${this.training.settings.start + 1} of ${data.draws.length}. `);
  }

  // The points as they were; the weights stay as they are.
  restore() {
    const {data, settings} = this.training, {train} = pointsOf(settings.noise, data);
    this.selected = -1;
    this.newPoints(train.X, train.y);
    this.say();
  }

  // Pass after pass, `speed` a second, until there are so many; 0 is the reader's own speed.
  play(passes, speed) {
    this.rest();
    this.playing = true;
    let left = passes, due = 0, last = performance.now();
    const frame = now => {
      if (!this.playing) return;
      due += (speed || this.speed) * Math.min(now - last, 100) / 1000;
      last = now;
      const until = performance.now() + FRAME_MS;
      let made = 0;
      while (due >= 1 && left > 0 && performance.now() < until) {
        this.training.pass();
        made++;
        due--;
        left--;
      }
      due = Math.min(due, 1);
      if (made) this.training.measure();
      if (left <= 0 || !Number.isFinite(this.training.loss)) this.playing = false;
      if (made || !this.playing) this.draw();
      if (!this.playing || now - this.said > 3000) this.say();
      if (this.playing) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    this.playing = false;
  }

  // Neither slow motion nor a nudge.
  rest() {
    this.step = -1;
    this.nudged = 0;
  }

  report() {
    this.draw();
    this.say();
  }

  tell(text) {
    this.find("[aria-live]").textContent = text;
  }

  say(first = "") {
    this.said = performance.now();
    const t = this.training;
    this.tell(`${first}Pass ${whole(t.passes)}, loss ` +
      `${t.loss.toFixed(4)}, ${percent(t.accuracy)} of these points right, ` +
      `${percent(t.freshAccuracy)} of fresh points. ${this.verdict()}`);
  }

  verdict() {
    const dead = this.training.deadUnits().length, {units} = this.training.settings;
    const found = this.training.verdict();
    if (this.playing && found.state === "changed") found.state = "settles";
    return verdictText(found) + (dead ? ` ${dead} of ${units} units ` +
      `${dead > 1 ? "are" : "is"} dead: 0 for every point, and so is the derivative.` : "");
  }

  // Slow motion.

  goToStep(i) {
    this.pause();
    if (this.step < 0) this.slow = slowMotion(this.training);
    this.nudged = 0;
    this.step = i;
    this.draw();
    const {tag, says} = STEPS[i];
    this.tell(`${tag}: ${says}`);
  }

  // After the update, the next pass.
  forth() {
    if (this.step + 1 < STEPS.length) this.goToStep(this.step + 1);
    else this.finish();
  }

  back() {
    if (this.step > 0) this.goToStep(this.step - 1);
  }

  // The slow pass is made with all points, whatever the batch size.
  finish() {
    const {training} = this, {batch} = training.settings;
    training.settings.batch = 0;
    this.once();
    training.settings.batch = batch;
  }

  // The points.

  place(event) {
    const box = this.canvas("plane").getBoundingClientRect();
    return [LEFT + (RIGHT - LEFT) * (event.clientX - box.left) / box.width,
      TOP - (TOP - BOTTOM) * (event.clientY - box.top) / box.height, (RIGHT - LEFT) / box.width];
  }

  nearest([x, y, unit]) {
    const {X, rows} = this.training;
    let best = -1, least = 12 * unit;
    for (let r = 0; r < rows; r++) {
      const distance = Math.hypot(X[2 * r] - x, X[2 * r + 1] - y);
      if (distance < least) [best, least] = [r, distance];
    }
    return best;
  }

  listenToPlane() {
    const canvas = this.canvas("plane");
    let found = -1, held = -1, from = [0, 0], moved = false;
    // A mouse drags any point; a finger only one that a tap has chosen: it has to scroll, too.
    canvas.addEventListener("pointerdown", event => {
      found = this.nearest(this.place(event));
      held = event.pointerType === "touch" && found !== this.selected ? -1 : found;
      from = [event.clientX, event.clientY];
      moved = false;
      if (held >= 0) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", event => {
      moved ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
      if (held < 0 || !moved) return;
      this.selected = held;
      this.move(held, ...this.place(event));
    });
    const drop = () => { held = -1; };
    canvas.addEventListener("pointerup", drop);
    canvas.addEventListener("pointercancel", drop);
    canvas.addEventListener("touchstart", event => {
      const touched = this.nearest(this.place(event.touches[0]));
      if (touched >= 0 && touched === this.selected) event.preventDefault();
    }, {passive: false});
    canvas.addEventListener("click", event => {
      if (moved) return;
      if (found < 0) this.insert(...this.place(event));
      else this.choose(found);
    });
    canvas.addEventListener("keydown", event => {
      const step = event.shiftKey ? 0.01 : 0.1;
      const [dx, dy] = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step],
        ArrowDown: [0, -step]}[event.key] || [0, 0];
      if (this.selected >= 0 && (dx || dy)) {
        const {X} = this.training, at = 2 * this.selected;
        this.move(this.selected, X[at] + dx, X[at + 1] + dy);
        this.sayPoint();
      } else if (event.key === "Delete" || event.key === "Backspace") this.remove();
      else return;
      event.preventDefault();
    });
  }

  move(r, x, y) {
    const {X} = this.training;
    X[2 * r] = Math.min(RIGHT, Math.max(LEFT, x));
    X[2 * r + 1] = Math.min(TOP, Math.max(BOTTOM, y));
    this.newPoints(X, this.training.y);
  }

  insert(x, y) {
    const t = this.training;
    this.selected = t.rows;
    this.newPoints([...t.X, x, y], [...t.y, +this.find("[data-name=kind]").value]);
    this.sayPoint();
  }

  newPoints(X, y) {
    this.rest();
    this.training.X = Float64Array.from(X);
    this.training.y = Uint8Array.from(y);
    this.training.pointsChanged();
    this.draw();
  }

  sayPoint() {
    const {X, y, rows} = this.training, r = this.selected;
    this.tell(`Point ${r + 1} of ${rows}, class ${y[r]}, at ${X[2 * r].toFixed(2)}, ` +
      `${X[2 * r + 1].toFixed(2)}. Loss ${this.training.loss.toFixed(4)}.`);
  }

  choose(r) {
    this.selected = r;
    this.draw();
    this.sayPoint();
  }

  next() {
    this.choose((this.selected + 1) % this.training.rows);
  }

  add() {
    this.insert(0.5, 0.25);
    this.canvas("plane").focus();
  }

  // One point stays: of none there is no mean.
  remove() {
    const {X, y, rows} = this.training, r = this.selected;
    if (r < 0 || rows < 2) return;
    this.selected = Math.min(r, rows - 2);
    this.newPoints([...X].filter((_, i) => i >> 1 !== r), [...y].filter((_, i) => i !== r));
    this.sayPoint();
  }

  // What is drawn.

  canvas(name) {
    return this.find(`[data-canvas=${name}]`);
  }

  showControls() {
    const {settings} = this.training;
    for (const input of this.root.querySelectorAll("[data-name]")) {
      const name = input.dataset.name;
      if (name in SLIDERS) {
        const text = String(settings[name]);
        input.value = SLIDERS[name][1].indexOf(settings[name]);
        input.setAttribute("aria-valuetext", text);
        input.parentElement.querySelector("output").textContent = text;
      } else if (name in CHOICES) input.value = settings[name];
    }
    const list = (name, pairs, value) => {
      const select = this.find(`[data-name=${name}]`);
      if (!select) return;
      select.innerHTML = options(pairs);
      select.value = value;
    };
    if (this.view !== "answer" && this.view >= settings.units) this.view = "answer";
    list("view", [["answer", "the network's answer"],
      ...times(settings.units, u => [u, `unit ${u + 1} alone`])], this.view);
    list("chosen", parameterNames(settings.units).map((name, i) => [i, name]), this.chosen);
  }

  draw() {
    if (!this.root.clientWidth) return;
    const style = getComputedStyle(this.root);
    const colour = name => style.getPropertyValue(`--touch-${name}`).trim();
    this.colours = Object.fromEntries(
      "zero one plus minus ink faint paper accent".split(" ").map(n => [n, colour(n)]));
    const t = this.training;
    const values = {pass: whole(t.passes), loss: t.loss.toFixed(6),
      freshLoss: t.freshLoss.toFixed(4), accuracy: percent(t.accuracy),
      fresh: percent(t.freshAccuracy)};
    for (const [key, text] of Object.entries(values))
      this.find(`[data-value=${key}]`).textContent = text;
    this.find(".touch-verdict").textContent = this.verdict();
    this.find("[data-do=run]").textContent = this.still.matches ?
      `Run ${STILL_PASSES} passes` : this.playing ? "Pause" : "Run";
    this.drawPlane();
    this.drawNetwork();
    this.drawLoss();
    if (this.small) return;
    this.find("[data-do=remove]").disabled = this.selected < 0 || t.rows < 2;
    this.drawSlow();
    if (!this.playing) this.drawNudge();
  }

  // The network with its nudge.
  shown() {
    if (!this.nudged) return this.training.network;
    const copy = copyOf(this.training.network);
    copy.theta[this.chosen] += this.nudged;
    return copy;
  }

  // Forward at the middle of every cell of a grid over the plane.
  overGrid(columns, rows) {
    const network = this.shown(), key = `${columns} ${rows} ${network.units}`;
    this.grids ??= {};
    if (!this.grids[key]) {
      const X = new Float64Array(2 * columns * rows);
      for (let i = 0; i < columns * rows; i++) {
        X[2 * i] = LEFT + (RIGHT - LEFT) * (i % columns + 0.5) / columns;
        X[2 * i + 1] = TOP - (TOP - BOTTOM) * (Math.floor(i / columns) + 0.5) / rows;
      }
      this.grids[key] = {X, ws: makeWorkspace(columns * rows, network.units)};
    }
    const {X, ws} = this.grids[key];
    forward(network, X, columns * rows, ws);
    return ws;
  }

  // A small picture of values from -1 to 1, one a cell, in two colours.
  tint(columns, rows, value, low, high) {
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
    const [lowRgb, highRgb] = [rgb(low), rgb(high)];
    for (let i = 0; i < columns * rows; i++) {
      const v = value(i);
      image.data.set(v < 0 ? lowRgb : highRgb, 4 * i);
      image.data[4 * i + 3] = 8 + 92 * Math.min(1, Math.abs(v));
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  // A unit's answers from -1 to 1, whatever its activation.
  unitValue(ws, units, u, size) {
    const {activation} = this.training.settings;
    let most = 1e-9;
    if (activation === "relu")
      for (let i = 0; i < size; i++) most = Math.max(most, ws.a1[i * units + u]);
    return i => {
      const a = ws.a1[i * units + u];
      return activation === "tanh" ? a : activation === "logistic" ? 2 * a - 1 : a / most;
    };
  }

  drawPlane() {
    const [c, width, height] = paint(this.canvas("plane"));
    const {X, y, rows, settings, ws: own} = this.training, {units} = settings, k = this.colours;
    const [nx, ny] = units > 10 ? [60, 44] : [100, 74];
    const ws = this.overGrid(nx, ny), sx = x => (x - LEFT) / (RIGHT - LEFT) * width;
    const sy = v => (TOP - v) / (TOP - BOTTOM) * height;
    const of_unit = this.view !== "answer";
    const picture = of_unit ?
      this.tint(nx, ny, this.unitValue(ws, units, +this.view, nx * ny), k.minus, k.plus) :
      this.tint(nx, ny, i => Math.tanh((ws.z2[2 * i + 1] - ws.z2[2 * i]) / 2), k.zero, k.one);
    c.imageSmoothingQuality = "high";
    c.drawImage(picture, 0, 0, width, height);
    if (units <= 6) this.drawUnitLines(c, sx, sy);
    this.drawBoundary(c, nx, ny, width, height, i => ws.z2[2 * i + 1] - ws.z2[2 * i]);
    if (this.nudged) this.training.objectiveNow(this.shown());
    for (let r = 0; r < rows; r++) {
      const px = sx(X[2 * r]), py = sy(X[2 * r + 1]);
      const wrong = (own.z2[2 * r + 1] > own.z2[2 * r]) !== (y[r] === 1);
      c.beginPath();
      if (y[r] === 0) c.arc(px, py, 3.6, 0, 7);
      else {
        c.moveTo(px, py - 4.8);
        c.lineTo(px + 4.4, py + 3.2);
        c.lineTo(px - 4.4, py + 3.2);
        c.closePath();
      }
      c.fillStyle = y[r] ? k.one : k.zero;
      c.strokeStyle = k.paper;
      c.lineWidth = 1;
      c.fill();
      c.stroke();
      if (!wrong && r !== this.selected) continue;
      disc(c, px, py, r === this.selected ? 10 : 7);
      c.strokeStyle = r === this.selected ? k.accent : k.ink;
      c.lineWidth = r === this.selected ? 3 : 1.2;
      c.stroke();
    }
    if (this.nudged) this.training.objectiveNow();
  }

  // Where `value` crosses zero: through each triangle of the grid, a straight piece.
  drawBoundary(c, nx, ny, width, height, value) {
    const px = i => (i % nx + 0.5) * width / nx, py = i => (Math.floor(i / nx) + 0.5) * height / ny;
    c.beginPath();
    for (let row = 0; row + 1 < ny; row++)
      for (let column = 0; column + 1 < nx; column++) {
        const i = row * nx + column;
        for (const corners of [[i, i + 1, i + nx], [i + 1, i + nx + 1, i + nx]]) {
          const ends = [];
          for (let e = 0; e < 3; e++) {
            const a = corners[e], b = corners[(e + 1) % 3], va = value(a), vb = value(b);
            if (va < 0 === vb < 0) continue;
            const s = va / (va - vb);
            ends.push([px(a) + s * (px(b) - px(a)), py(a) + s * (py(b) - py(a))]);
          }
          if (ends.length < 2) continue;
          c.moveTo(...ends[0]);
          c.lineTo(...ends[1]);
        }
      }
    c.strokeStyle = this.colours.ink;
    c.lineWidth = 2.4;
    c.stroke();
  }

  // Where each unit's z is zero, with its number at one end.
  drawUnitLines(c, sx, sy) {
    const {units, W1, b1} = this.shown(), k = this.colours;
    for (let u = 0; u < units; u++) {
      const wx = W1[u], wy = W1[units + u], ends = [];
      const keep = (x, y) => {
        if (x >= LEFT && x <= RIGHT && y >= BOTTOM && y <= TOP) ends.push([sx(x), sy(y)]);
      };
      for (const x of [LEFT, RIGHT]) keep(x, -(b1[u] + wx * x) / wy);
      for (const y of [TOP, BOTTOM]) keep(-(b1[u] + wy * y) / wx, y);
      if (ends.length < 2) continue;
      const [[x0, y0], [x1, y1]] = ends;
      this.curve(c, ends, k.ink, [6, 5], 1.2);
      const s = 0.07 + 0.05 * u;
      this.label(c, x0 + s * (x1 - x0), y0 + s * (y1 - y0), String(u + 1));
    }
  }

  // A text on paper, in the middle of a place.
  label(c, x, y, text) {
    const half = c.measureText(text).width / 2 + 3;
    c.fillStyle = this.colours.paper;
    c.fillRect(x - half, y - 8, 2 * half, 16);
    this.write(c, text, x, y, "center");
  }

  write(c, text, x, y, align = "left") {
    c.fillStyle = this.colours.ink;
    c.textAlign = align;
    c.fillText(text, x, y);
  }

  drawNetwork() {
    const canvas = this.canvas("network"), [c, width, height] = paint(canvas);
    const network = this.shown(), {units, W1, W2} = network, k = this.colours;
    const part = this.step < 0 ? "" : STEPS[this.step].part;
    const columns = [0.1 * width, 0.5 * width, 0.9 * width];
    const at = (i, n) => height * (i + 0.5) / n;
    const tile = Math.min(46, height / units - 8), pictures = units <= 8;
    const labels = [], edge = (x0, y0, x1, y1, weight, name, where) => {
      const active = part === name || part === "all";
      c.globalAlpha = !part || active ? 0.85 : 0.2;
      const thick = Math.min(7, 0.6 + Math.abs(weight)) * (units > 8 ? 0.5 : 1);
      this.curve(c, [[x0, y0], [x1, y1]], ...weight < 0 ? [k.minus, [5, 4]] : [k.plus, []], thick);
      c.globalAlpha = 1;
      labels.push([x0 + where * (x1 - x0), y0 + where * (y1 - y0), minus(weight.toFixed(2))]);
    };
    for (let u = 0; u < units; u++)
      for (let i = 0; i < 2; i++) {
        edge(columns[0], at(i, 2), columns[1], at(u, units), W1[i * units + u], "W1",
          i ? 0.6 : 0.3);
        edge(columns[1], at(u, units), columns[2], at(i, 2), W2[2 * u + i], "W2", i ? 0.7 : 0.4);
      }
    if (units <= 3) for (const label of labels) this.label(c, ...label);
    const dead = this.training.deadUnits();
    const nx = 20, ny = 15, ws = pictures ? this.overGrid(nx, ny) : null;
    for (let u = 0; u < units; u++) {
      const x = columns[1], y = at(u, units);
      c.fillStyle = k.paper;
      c.strokeStyle = part === "a1" ? k.accent : k.ink;
      c.lineWidth = part === "a1" ? 3 : 1.2;
      if (pictures) {
        const w = tile * 1.3, box = [x - w / 2, y - tile / 2, w, tile];
        c.fillRect(...box);
        c.drawImage(this.tint(nx, ny, this.unitValue(ws, units, u, nx * ny), k.minus, k.plus),
          ...box);
        c.strokeRect(...box);
        if (tile > 24) this.label(c, x, y, dead.includes(u) ? "dead" : String(u + 1));
      } else {
        disc(c, x, y, Math.max(1.8, Math.min(8, height / units / 2 - 0.6)));
        if (dead.includes(u)) c.fillStyle = k.ink;
        c.fill();
        c.stroke();
      }
    }
    for (let i = 0; i < 2; i++)
      for (const [x, text, fill] of [[columns[0], `x${i}`, k.paper],
        [columns[2], `class ${i}`, i ? k.one : k.zero]]) {
        disc(c, x, at(i, 2), 13);
        c.fillStyle = fill;
        c.fill();
        c.strokeStyle = part === "out" && x > width / 2 ? k.accent : k.ink;
        c.lineWidth = part === "out" && x > width / 2 ? 4 : 1.2;
        c.stroke();
        if (x < width / 2) this.label(c, x, at(i, 2), text);
        else this.label(c, Math.min(x, width - 22), at(i, 2) + 25, text);
      }
    canvas.setAttribute("aria-label", `Two inputs, ${units} hidden ` +
      `${units > 1 ? "units" : "unit"}, two classes. ` + (units > 3 ? "" : "Weights " +
      parameterNames(units).slice(0, 4 * units)
        .map((name, i) => `${name} ${network.theta[i].toFixed(2)}`).join(", ")));
  }

  // Above, all passes; below, the last three quarters, and the last forty.
  drawLoss() {
    const canvas = this.canvas("loss"), [c, width, height] = paint(canvas);
    const {losses, passes} = this.training, middle = Math.round(height * 0.5);
    this.drawAllLosses(c, 42, width - 8, 8, middle - 20);
    const split = Math.round(width * 0.58), quarter = Math.floor(passes / 4);
    this.drawPart(c, quarter, 2, split - 5, middle + 8, height - 20);
    this.drawPart(c, Math.max(0, passes - 39), split + 5, width - 2, middle + 8, height - 20);
    canvas.setAttribute("aria-label", `The loss began at ${losses[0].toFixed(4)} and is ` +
      `${losses[passes].toFixed(4)} after ${passes} passes. ${this.verdict()}`);
  }

  // One stroke for every column of pixels, from the least loss to the most.
  columns(first, px, py) {
    const {losses, passes} = this.training, found = [];
    for (let i = first; i <= passes; i++) {
      const x = passes - first > 100 ? Math.floor(px(i)) : px(i), y = py(losses[i]);
      const column = found.at(-1);
      if (!column || column[0] !== x) found.push([x, y, y, y, y]);
      else {
        column[2] = Math.min(column[2], y);
        column[3] = Math.max(column[3], y);
        column[4] = y;
      }
    }
    return found;
  }

  strokes(first, px, py) {
    return this.columns(first, px, py)
      .flatMap(([x, start, up, down, end]) => [[x, start], [x, up], [x, down], [x, end]]);
  }

  drawAllLosses(c, left, right, top, base) {
    const t = this.training, k = this.colours, {losses, passes} = t, last = Math.max(passes, 50);
    let least = Infinity, most = 0;
    for (const value of [...t.freshLosses.map(pair => pair[1]), losses[0], t.loss]) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    const low = Math.log(Math.max(least, 1e-6) / 1.2), high = Math.log(most * 1.2);
    const px = i => left + (right - left) * i / last;
    const py = v => base - (base - top) *
      Math.min(1, Math.max(0, (Math.log(Math.max(v, 1e-9)) - low) / (high - low)));
    for (const v of [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100]) {
      if (Math.log(v) < low || Math.log(v) > high) continue;
      this.curve(c, [[left, py(v)], [right, py(v)]], k.faint, [], 1);
      this.write(c, String(v), left - 5, py(v), "right");
    }
    this.write(c, `pass ${whole(last)}`, right, base + 10, "right");
    this.write(c, "0", left, base + 10);
    this.curve(c, t.freshLosses.map(([i, v]) => [px(i), py(v)]), k.one, [4, 3]);
    this.curve(c, this.strokes(0, px, py), k.zero);
    c.fillStyle = k.paper;
    c.fillRect(right - 106, top - 4, 106, 32);
    for (const [row, text, colour, dash] of [[0, "these points", k.zero, []],
      [1, "fresh points", k.one, [4, 3]]]) {
      const y = top + 4 + 15 * row;
      this.curve(c, [[right - 102, y], [right - 80, y]], colour, dash);
      this.write(c, text, right - 74, y);
    }
  }

  // A part on a scale of its own; its highest seventh, where it spikes, may leave the box.
  drawPart(c, first, left, right, top, base) {
    const t = this.training, k = this.colours, {losses, passes} = t, few = passes - first < 100;
    const px = i => left + 5 + (right - left - 10) * (i - first) / Math.max(passes - first, 1);
    const bounds = this.columns(first, px, v => v);
    const tops = bounds.map(column => column[3]).sort((a, b) => a - b);
    const least = Math.min(...bounds.map(column => column[2]));
    const most = tops[few ? tops.length - 1 : Math.floor(0.86 * tops.length)];
    const room = Math.max(most - least, 1e-7);
    const py = v => base - 5 - (base - top - 26) * (v - least) / room;
    c.save();
    c.beginPath();
    c.rect(left, top, right - left, base - top);
    c.clip();
    this.curve(c, this.strokes(first, px, py), k.zero);
    c.fillStyle = k.zero;
    if (few) for (let i = first; i <= passes; i++)
      c.fillRect(px(i) - 1.5, py(losses[i]) - 1.5, 3, 3);
    // A text that would lie over the corner's number, or over the last text, is left out.
    let end = left + 60;
    for (const [pass, text] of few ? [] : t.marks) {
      if (pass < first) continue;
      const x = px(pass), long = c.measureText(text).width;
      const start = x + long + 10 < right ? x + 5 : x - 5 - long;
      this.curve(c, [[x, top], [x, base]], k.accent);
      if (start < end) continue;
      end = start + long + 5;
      this.write(c, text, start, top + 9);
    }
    c.restore();
    c.strokeStyle = k.faint;
    c.strokeRect(left, top, right - left, base - top);
    this.label(c, left + 28, top + 10, most.toFixed(5));
    this.write(c, `down to ${least.toFixed(5)}`, right, base + 10, "right");
    if (right - left > 190) this.write(c, `from ${whole(first)}`, left, base + 10);
  }

  curve(c, points, colour, dash = [], thick = 1.8) {
    c.setLineDash(dash);
    c.beginPath();
    points.forEach(([x, y], i) => i ? c.lineTo(x, y) : c.moveTo(x, y));
    c.strokeStyle = colour;
    c.lineWidth = thick;
    c.stroke();
    c.setLineDash([]);
  }

  drawSlow() {
    for (const button of this.root.querySelectorAll("[data-step]"))
      setCurrent(button, +button.dataset.step === this.step);
    const work = this.find(".touch-work");
    if (this.step < 0) {
      work.innerHTML = `<p>Press <b>Next step</b>: the pass halts at every equation, and shows
        its matrices. The plane and the network wait until the update is made.</p>`;
      return;
    }
    const {show, says, tag, equation} = STEPS[this.step], {activation} = this.training.settings;
    const name = {tanh: "f is tanh, and its slope f′ is 1 − a².",
      logistic: "f is the logistic function, and its slope f′ is a (1 − a).",
      relu: "f is the ReLU, max(z, 0), and its slope f′ is 1 where a is above 0."}[activation];
    const about = tag === "F2" || tag === "B4" ? ` ${name}` : "";
    const rate = tag === "update" ? ` Here η = ${this.slow.rate}.` : "";
    work.innerHTML = `<p class="touch-equation"><b>${tag}</b> ${pretty(equation)}</p>
      <p>${says}${about}${rate}</p>` + show.split("; ").map(line =>
      `<div class="touch-matrices">${line.split(" ").map(word => this.matrix(word)).join("")}</div>`)
      .join("");
  }

  // A matrix with its name, its shape and its first numbers.
  matrix(name) {
    if (name === "→") return `<span class="touch-arrow">→</span>`;
    if (name === "C") {
      const {C, penalty} = this.slow;
      return `<figure class="touch-matrix touch-one"><figcaption>C</figcaption>${C.toFixed(6)}
        <small>loss ${(C - penalty).toFixed(6)}, penalty ${penalty.toFixed(6)}</small></figure>`;
    }
    const [numbers, rows, columns] = this.slow.matrices[name];
    const shape = /b\d/.test(name) ? `(${columns},)` : `(${rows}, ${columns})`;
    const shown = times(Math.min(rows, ROWS_SHOWN), r => "<tr>" +
      times(Math.min(columns, COLUMNS_SHOWN), i =>
        `<td>${digits(numbers[r * columns + i])}</td>`).join("") +
      (columns > COLUMNS_SHOWN ? "<td>…</td>" : "") + "</tr>").join("");
    const more = rows > ROWS_SHOWN ? `<tr><td>⋮</td></tr>` : "";
    return `<figure class="touch-matrix" data-matrix="${name}"><figcaption>${pretty(nameOf(name))}
      <small>${shape}</small></figcaption><table>${shown}${more}</table></figure>`;
  }

  drawNudge() {
    const canvas = this.canvas("nudge"), [c, width, height] = paint(canvas);
    const {now, slope, found, foretold, at, quotient} =
      nudge(this.training, this.chosen, this.nudged);
    const k = this.colours, steps = times(41, i => (i - 20) / 20);
    const losses = steps.map(at), least = Math.min(...losses), most = Math.max(...losses);
    const room = Math.max(most - least, 1e-9);
    const px = s => 12 + (width - 24) * (s + 1) / 2;
    const py = v => height - 24 - (height - 40) * (v - least) / room;
    c.save();
    c.beginPath();
    c.rect(0, 0, width, height);
    c.clip();
    this.curve(c, [-1, 1].map(s => [px(s), py(now + slope * s)]), k.one, [5, 4]);
    this.curve(c, steps.map((s, i) => [px(s), py(losses[i])]), k.zero);
    c.restore();
    for (const [v, colour, size] of [[foretold, k.one, 5], [found, k.zero, 6]]) {
      disc(c, px(this.nudged), py(v), size);
      c.fillStyle = colour;
      c.fill();
    }
    for (const [s, align] of [[-1, "left"], [0, "center"], [1, "right"]])
      this.write(c, minus(String(s)), px(s), height - 8, align);
    const rows = [["Loss as it is", now.toFixed(6)], ["Loss after the nudge", found.toFixed(6)],
      ["Foretold by the derivative", foretold.toFixed(6)],
      ["Derivative, by B1 to B4", minus(slope.toFixed(8))],
      ["By differences, h = 0.00001", minus(quotient.toFixed(8))]];
    this.find(".touch-found dl").innerHTML = rows.map(([text, value]) =>
      `<div><dt>${text}</dt><dd>${value}</dd></div>`).join("");
    const input = this.find("[data-name=nudge]");
    input.value = Math.round(100 * this.nudged);
    input.setAttribute("aria-valuetext",
      `${this.nudged}: loss ${found.toFixed(6)}, foretold ${foretold.toFixed(6)}`);
    input.parentElement.querySelector("output").textContent = minus(this.nudged.toFixed(2));
    canvas.setAttribute("aria-label", "The loss along this weight, and the straight line that " +
      "its derivative foretells");
  }
}

window.touch = {
  ACTIVATIONS, ARTICLE, STOPS, STEPS, Training, Demo, slowMotion, nudge, makeMoons,
  makeNetwork, drawWeights, demos: [],
};
for (const root of document.querySelectorAll(".touch"))
  window.touch.demos.push(new Demo(root, window.touchData));

})();
