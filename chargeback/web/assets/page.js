// Brings parts of a page up to date where minutes matter. Without it everything works: the page is then loaded again.
const SLOWEST_SECONDS = 600;

const underWay = new Map();

/** Fetches a page; parts of the same page that want it at the same time share it. */
function fetched(address) {
  if (!underWay.has(address)) {
    const asked = fetch(address, { headers: { accept: "text/html" }, redirect: "error" }).then(async (answer) => {
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      return new DOMParser().parseFromString(await answer.text(), "text/html");
    });
    underWay.set(address, asked);
    asked.catch(() => {}).then(() => underWay.delete(address));
  }
  return underWay.get(address);
}

/** Puts a newer part in the place of the older one: from this page, or from the page that the part names. */
async function bringUpToDate(part) {
  const page = await fetched(new URL(part.dataset.from ?? location.href, location.href).href);
  const newer = page.getElementById(part.id)?.cloneNode(true);
  if (!newer) return part;
  // Whoever is typing or reading with the keyboard here is not interrupted.
  if (part.contains(document.activeElement)) return part;
  const opened = part.querySelectorAll("details");
  newer.querySelectorAll("details").forEach((each, place) => { each.open = opened[place]?.open ?? each.open; });
  if (newer.innerHTML === part.innerHTML && newer.dataset.refresh === part.dataset.refresh) return part;
  const adopted = document.adoptNode(newer);
  part.replaceWith(adopted);
  return adopted;
}

/** Keeps a part up to date; asks less often while the answer fails, and not at all while nobody looks. */
function keep(part) {
  let failures = 0;
  const later = () => {
    const seconds = Number(part.dataset.refresh);
    if (!(seconds > 0)) return;
    setTimeout(again, Math.min(seconds * 2 ** failures, SLOWEST_SECONDS) * 1000);
  };
  const again = async () => {
    if (!document.hidden) {
      try {
        part = await bringUpToDate(part);
        failures = 0;
      } catch {
        failures += 1;
      }
    }
    later();
  };
  later();
}

for (const part of document.querySelectorAll("[data-refresh][id]")) keep(part);

// What takes longer than a page may comes afterwards. Without this, its link leads there.
for (const part of document.querySelectorAll("[data-from][id]:not([data-refresh])")) {
  bringUpToDate(part).then(keep, () => {});
}

// A form that was sent is not sent once more by an impatient click.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Lists the values of a filter while somebody types. Without it, the link beside the field lists them.
const PAUSE_MILLISECONDS = 250;

function offerValues(field) {
  let waiting;
  let offered = "";
  const offer = async () => {
    const address = new URL(field.dataset.values, location.href);
    address.searchParams.set("startsWith", field.value);
    if (address.href === offered) return;
    offered = address.href;
    const answer = await fetch(address, { headers: { accept: "text/html" }, redirect: "error" });
    if (!answer.ok || address.href !== offered) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const options = [...page.querySelectorAll("[data-value]")].map((each) => new Option("", each.dataset.value));
    field.list.replaceChildren(...options);
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => offer().catch(() => {}), PAUSE_MILLISECONDS);
  };
  field.addEventListener("input", soon);
  field.addEventListener("focus", soon, { once: true });
}

for (const field of document.querySelectorAll("input[data-values]")) offerValues(field);
