const EVERY_MS = 10;

let late = 0;
let lastAt = performance.now();
setInterval(() => {
  late += pending();
  lastAt = performance.now();
}, EVERY_MS).unref();

function pending(): number {
  return Math.max(0, performance.now() - lastAt - EVERY_MS);
}

/**
 * By how many ms the timers of this process have been late in all. What a machine gives this process no time for, it
 * gives the others no time for either: to read an answer, for one.
 */
export function lateMs(): number {
  return late + pending();
}
