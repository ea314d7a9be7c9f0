// Tells what does not fit on a screen, in words: a page that scrolls sideways, text that is cut off or lies on other text.
() => {
  const faults = [];
  const root = document.documentElement;
  const name = (element) =>
    `<${element.localName}${element.className.baseVal === undefined && element.className ? ` class="${element.className}"` : ""}>`;
  const say = (fault, element, text) => faults.push(`${fault}: ${name(element)} ${text.trim().slice(0, 60)}`);
  const scrolls = (style) => /auto|scroll/.test(`${style.overflowX} ${style.overflowY}`);
  const cuts = (style) => /hidden|clip/.test(`${style.overflowX} ${style.overflowY}`);

  if (root.scrollWidth > root.clientWidth) {
    faults.push(`the page scrolls sideways: it is ${root.scrollWidth} wide on a screen of ${root.clientWidth}`);
  }

  /** The part of a box that can be seen or scrolled to, and whether something cuts it off for good. */
  const seen = (box, element) => {
    let { left, right, top, bottom } = box;
    let cut = false;
    for (let each = element; each && each !== root; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.visibility === "hidden" || style.display === "none" || Number(style.opacity) === 0) return null;
      if (style.position === "absolute" && each.getBoundingClientRect().width <= 1) return null; // for screen readers alone
      if (!scrolls(style) && !cuts(style)) continue;
      const around = each.getBoundingClientRect();
      const within = [
        Math.max(left, around.left),
        Math.min(right, around.right),
        Math.max(top, around.top),
        Math.min(bottom, around.bottom),
      ];
      if (cuts(style) && (right - within[1] > 1 || within[0] - left > 1 || bottom - within[3] > 3)) cut = true;
      [left, right, top, bottom] = within;
      if (right <= left || bottom <= top) return cut ? { cut } : null;
    }
    return { left, right, top, bottom, cut };
  };

  const boxes = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const element = text.parentElement;
    if (!text.data.trim() || /^(script|style|title|desc|option)$/.test(element.localName)) continue;
    if (!element.checkVisibility() || element.closest(".skip:not(:focus)")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const each of range.getClientRects()) {
      if (each.width < 1 || each.height < 1) continue;
      const box = seen(each, element);
      if (!box) continue;
      if (box.cut) say("text is cut off", element, text.data);
      if (box.left === undefined) continue;
      if (box.right > root.clientWidth + 1 || box.left < -1) say("text lies beside the screen", element, text.data);
      boxes.push({ ...box, element, text });
    }
  }

  boxes.sort((one, other) => one.top - other.top);
  for (let first = 0; first < boxes.length; first += 1) {
    const one = boxes[first];
    for (let second = first + 1; second < boxes.length && boxes[second].top < one.bottom - 3; second += 1) {
      const other = boxes[second];
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      const least = Math.min(one.bottom - one.top, other.bottom - other.top);
      if (one.text === other.text || wide <= 2 || high <= Math.max(3, least / 4)) continue;
      say(`text lies on "${one.text.data.trim().slice(0, 60)}"`, other.element, other.text.data);
    }
  }
  return [...new Set(faults)].slice(0, 20);
}
