// Elements without a framework: make, fill, and change only what differs.

export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list" && key !== "form") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function say(element, text) {
  const wanted = text ?? "";
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function mark(element, name, value) {
  const wanted = value ?? "";
  if (element.dataset[name] !== wanted) element.dataset[name] = wanted;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

// Fills an element anew only when what it shows has changed.
export function filler(element, make) {
  let before;
  return (...data) => {
    const now = JSON.stringify(data);
    if (now === before) return;
    before = now;
    element.replaceChildren(...make(...data));
  };
}

export function throttled(work, everyMs) {
  let waiting = null;
  let last = -Infinity;
  return () => {
    if (waiting !== null) return;
    const now = performance.now();
    waiting = setTimeout(() => {
      waiting = null;
      last = performance.now();
      work();
    }, Math.max(0, last + everyMs - now));
  };
}
