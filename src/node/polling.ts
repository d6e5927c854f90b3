/** For how long after a new wait Dawn may poll at full speed, in ms: short readbacks stay fast. */
const SPIN_MS = 0.25;
/** The pause between polls after that, in ms; it is what polling can add to the latency of a readback. */
const PAUSE_MS = 1;
/** A wait that has lasted this many ms bears a longer pause, at half the cost. */
const LONG_WAIT_MS = 20;
const LONG_PAUSE_MS = 2;
const INSTALLED = Symbol.for('softq.politePolling');

/**
 * Makes Dawn's polling polite. While any of its promises is pending, Dawn re-arms `globalThis.setImmediate` without
 * end, which keeps the main thread at 100 %; on a software adapter that core is missing for the shaders. After this
 * call such ticks run as immediates for a quarter of a millisecond, then every one or two milliseconds. Every other use of
 * setImmediate is passed on untouched. Calling it again does nothing.
 */
export function installPolitePolling(): void {
  const native = globalThis.setImmediate;
  if (INSTALLED in native) return;
  let insideTick = false;
  let waitStart = 0;
  const polite = (callback: (...values: unknown[]) => void, ...values: unknown[]): unknown => {
    if (values.length > 0 || !isDawnTick(callback)) return native(callback, ...values);
    const now = performance.now();
    // Armed by anything but a tick, this is the start of a wait.
    if (!insideTick) waitStart = now;
    const tick = (): void => {
      insideTick = true;
      try {
        callback();
      } finally {
        insideTick = false;
      }
    };
    const waited = now - waitStart;
    if (waited < SPIN_MS) return native(tick);
    return setTimeout(tick, waited < LONG_WAIT_MS ? PAUSE_MS : LONG_PAUSE_MS);
  };
  // Keeps util.promisify(setImmediate) working, which looks for a symbol on the function.
  Object.defineProperties(polite, Object.getOwnPropertyDescriptors(native));
  Object.defineProperty(polite, INSTALLED, { value: true });
  globalThis.setImmediate = polite as typeof globalThis.setImmediate;
}

/**
 * Whether `callback` is one that a native addon made: nameless, without parameters, and, unlike the resolve function
 * of a promise or a bound function, with a `prototype`.
 */
function isDawnTick(callback: unknown): boolean {
  return (
    typeof callback === 'function' &&
    callback.name === '' &&
    callback.length === 0 &&
    Object.hasOwn(callback, 'prototype') &&
    Function.prototype.toString.call(callback) === 'function () { [native code] }'
  );
}
