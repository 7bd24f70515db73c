// A chart in the page. Vega comes from the kernel once a page, as a message: it is neither fetched nor saved.

const KEY = Symbol.for("workbench.explore");
const PATIENCE = 30000;

function library(model) {
  const page = (globalThis[KEY] ??= {});
  page.library ??= new Promise((resolve) => {
    const take = (message, buffers) => {
      if (message?.what !== "library") return;
      model.off("msg:custom", take);
      // the view says that it is not built
      if (!buffers.length) return resolve(null);
      const address = URL.createObjectURL(new Blob([buffers[0]], { type: "text/javascript" }));
      resolve(import(address).finally(() => URL.revokeObjectURL(address)));
    };
    model.on("msg:custom", take);
    model.send({ what: "library" });
    // a kernel that went away before it answered must not leave the page without charts
    setTimeout(() => resolve(null), PATIENCE);
  });
  return page.library.then((found) => {
    if (!found) delete page.library;
    return found;
  });
}

// JupyterLab takes arrows and letters for its notebook wherever no text is typed, also where a list has the focus;
// it leaves alone what is marked so. Ctrl+S and Shift+Enter stay its own.
function keepKeys() {
  const page = (globalThis[KEY] ??= {});
  page.keys ??= window.addEventListener(
    "keydown",
    (event) => {
      if (!event.target.closest?.(".wb-explore")) return;
      const theirs = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
      event.target.toggleAttribute("data-lm-suppress-shortcuts", !theirs);
    },
    true,
  ) ?? true;
}

// ipywidgets gives the ends of its sliders no names; they are made whenever a view is shown
function nameHandles() {
  const page = (globalThis[KEY] ??= {});
  page.handles ??= new MutationObserver(() => {
    for (const handle of document.querySelectorAll(".wb-explore .noUi-handle:not([aria-label])")) {
      handle.setAttribute("aria-label", handle.matches(".noUi-handle-lower") ? "from" : "to");
    }
  });
  page.handles.observe(document.body, { childList: true, subtree: true });
}

// whether two stretches, or two lists of names, are the same; a place on the axis that was a pixel is not exact
const same = (a, b) =>
  a.length === b.length &&
  a.every((each, i) => each === b[i] || Math.abs(each - b[i]) <= 1e-6 * Math.abs(b.at(-1) - b[0]));

async function render({ model, el }) {
  el.classList.add("wb-picture");
  keepKeys();
  nameHandles();
  let view = null;
  let drawn = 0;
  let waiting = null;

  const say = (name, value) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (same(value, model.get(name))) return;
      model.set(name, value);
      model.save_changes();
    }, 120);
  };

  const show = () => {
    if (!view || !model.get("spec").usermeta?.brush) return;
    const [low, high] = model.get("range");
    const scale = view.scale("x");
    const wanted = low === undefined ? [] : [scale(low), scale(high)];
    const now = view.signal("brush_x") ?? [];
    if (same(now, wanted)) return;
    view.signal("brush_x", wanted.length ? wanted : [0, 0]).runAsync();
  };

  const draw = async () => {
    const turn = ++drawn;
    const spec = model.get("spec");
    // nothing to draw needs no library: the chart before must not wait for it
    const vega = spec?.mark || spec?.layer ? await library(model) : true;
    if (turn !== drawn || !vega) return;
    view?.finalize();
    view = null;
    if (!spec?.mark && !spec?.layer) {
      // what stands below stays where it is while the next chart is made
      el.style.minHeight = `${el.clientHeight}px`;
      el.replaceChildren();
      el.removeAttribute("role");
      el.removeAttribute("aria-label");
      return;
    }
    const made = await vega.vegaEmbed(el, structuredClone(spec), { actions: false, renderer: "svg", tooltip: true });
    if (turn !== drawn) {
      made.finalize();
      return;
    }
    view = made.view;
    el.style.minHeight = "";
    // Vega's parts, a brush among them, have roles without names: the whole has a name
    el.querySelector("svg")?.setAttribute("aria-hidden", "true");
    el.setAttribute("role", "img");
    el.setAttribute("aria-label", model.get("label"));
    if (spec.usermeta?.brush) {
      view.addSignalListener("brush", (_, value) => {
        const ends = Object.values(value ?? {})[0];
        say("brush", ends ? [Math.min(...ends), Math.max(...ends)] : []);
      });
      show();
    }
    if (spec.usermeta?.pick) {
      view.addSignalListener("pick", (_, value) => say("picked", [Object.values(value ?? {})[0]?.[0] ?? ""]));
    }
    el.dataset.drawn = String(turn);
  };

  model.on("change:spec", draw);
  model.on("change:range", show);
  const widths = new ResizeObserver(() => {
    if (view && el.clientWidth) view.signal("width", el.clientWidth).runAsync().then(show);
  });
  widths.observe(el);
  void draw();
  return () => {
    drawn += 1;
    clearTimeout(waiting);
    widths.disconnect();
    view?.finalize();
  };
}

export default { render };
