// Knows the controls of a page in their order, which one has the focus, and whether whoever looks sees that.
() => {
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const controls = [...document.querySelectorAll(all)].filter((each) => each.checkVisibility() && !each.disabled);
  const reached = new Set();
  const label = (each) => (each.innerText || each.labels?.[0]?.innerText || each.ariaLabel || each.name || each.localName).trim();

  // Of several radio buttons of a name, the tabulator stops at one.
  const same = (each) => (each.type === "radio" ? `${each.form?.action} ${each.name}` : each);

  globalThis.stopOfFocus = () => {
    const focus = document.activeElement;
    if (!focus || focus === document.body) return null;
    reached.add(same(focus));
    const style = getComputedStyle(focus);
    const box = focus.getBoundingClientRect();
    const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    return { label: label(focus), number: controls.indexOf(focus), seen: marked && inside };
  };
  globalThis.leftOut = () => controls.filter((each) => !reached.has(same(each))).map(label);
}
