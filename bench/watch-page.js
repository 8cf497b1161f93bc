/**
 * Runs in a page that is measured, before the page's own code, and looks at it once a frame: when the newest message
 * was seen first, how far apart frames are, and how much is in the document at most.
 */
(() => {
  let seen;
  const paint = new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") resolve(startTime);
    });
    observer.observe({ type: "paint", buffered: true });
  });
  const newest = new Promise((resolve) => (seen = resolve));
  /** Times in ms; the first two since the navigation began. */
  const watched = { paint, newest, gaps: [], nodes: 0 };
  window.watched = watched;
  let waits = true;
  let before = performance.now();
  const look = () => {
    const now = performance.now();
    watched.gaps.push(now - before);
    before = now;
    // What a callback finds is on the screen with its frame, so by the next one.
    if (waits && isNewestSeen()) {
      waits = false;
      requestAnimationFrame(() => seen(performance.now()));
    }
    if (watched.gaps.length % 5 === 0) watched.nodes = Math.max(watched.nodes, countNodes());
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);

  function isNewestSeen() {
    const last = [...document.querySelectorAll(".log article")].at(-1);
    if (!last?.textContent.includes("the newest of all")) return false;
    const { top, bottom } = last.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  /** Counted by the browser: a walk would make an object of each node, which is work that the page has not. */
  function countNodes() {
    return document.evaluate("count(//node())", document, null, XPathResult.NUMBER_TYPE).numberValue;
  }
})();
