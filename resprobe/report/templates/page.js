"use strict";
// Tables sort, and figures tell the values of their points. Without this, all reads as well.
(() => {
  const NEAR = 40; // pixels: a point further from the pointer than this is not meant
  const live = made("div", { class: "unseen", role: "status" });
  const tip = made("div", { class: "tip", hidden: "", "aria-hidden": "true" });
  document.body.append(live, tip);

  function made(tag, attributes, namespace) {
    const element = namespace
      ? document.createElementNS(namespace, tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  let reading = null; // the reader that shows a point

  // ---- Figures ------------------------------------------------------------------------------

  /** The points of a figure, and which of them is read. */
  class Reader {
    constructor(frame, svg, curves) {
      Object.assign(this, { frame, svg, curves, curve: 0, point: -1 });
      this.spot = made("circle", { class: "spot", r: "5" }, svg.namespaceURI);
      frame.addEventListener("pointermove", (event) => this.follow(event));
      frame.addEventListener("pointerleave", () => this.leave());
      frame.addEventListener("keydown", (event) => this.press(event));
      frame.addEventListener("blur", () => this.leave());
      frame.setAttribute("aria-description", "Arrow keys go from point to point, up and down "
        + "from line to line; Escape ends it.");
    }

    at(x, y) {
      return new DOMPoint(x, y).matrixTransform(this.svg.getScreenCTM());
    }

    follow(event) {
      let best = { distance: NEAR };
      this.curves.forEach((curve, c) => curve.points.forEach(([x, y], p) => {
        const place = this.at(x, y);
        const distance = Math.hypot(place.x - event.clientX, place.y - event.clientY);
        if (distance < best.distance) best = { distance, c, p };
      }));
      if (best.c === undefined) this.leave();
      else this.show(best.c, best.p, false);
    }

    press(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Escape") return this.leave();
      const count = this.curves[this.curve].points.length;
      const moves = {
        ArrowRight: [this.curve, this.point + 1],
        ArrowLeft: [this.curve, this.point - 1],
        ArrowDown: [this.curve + 1, this.point],
        ArrowUp: [this.curve - 1, this.point],
        Home: [this.curve, 0],
        End: [this.curve, count - 1],
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      let [c, p] = this.point < 0 ? [this.curve, 0] : moves[event.key];
      c = Math.min(Math.max(c, 0), this.curves.length - 1);
      if (c !== this.curve) p = this.beside(c);
      this.show(c, Math.min(Math.max(p, 0), this.curves[c].points.length - 1), true);
    }

    /** The point of another line that is nearest to the one that is read, along the axis. */
    beside(c) {
      const [x] = this.curves[this.curve].points[this.point];
      const away = this.curves[c].points.map(([other]) => Math.abs(other - x));
      return away.indexOf(Math.min(...away));
    }

    show(c, p, speak) {
      Object.assign(this, { curve: c, point: p });
      const { quantity, points } = this.curves[c];
      const [x, y, text] = points[p];
      this.spot.setAttribute("cx", x);
      this.spot.setAttribute("cy", y);
      this.svg.append(this.spot);
      if (speak) this.bring();
      tip.replaceChildren(text, ...(quantity ? [made("small", {})] : []));
      if (quantity) tip.lastChild.textContent = quantity;
      tip.hidden = false;
      reading = this;
      this.place();
      if (speak) live.textContent = quantity ? `${text} (${quantity})` : text.replace(/\n/g, ", ");
    }

    /** Scroll a wide figure, and no more than that, so that the point is in sight. */
    bring() {
      const spot = this.spot.getBoundingClientRect(), box = this.frame.getBoundingClientRect();
      const inSight = spot.left >= box.left && spot.right <= box.right
        && spot.top >= 0 && spot.bottom <= window.innerHeight;
      if (!inSight) this.spot.scrollIntoView({ block: "nearest", inline: "center" });
    }

    /** Put the tip above the point, or below where there is no room. */
    place() {
      const [x, y] = this.curves[this.curve].points[this.point], spot = this.at(x, y);
      const { width, height } = tip.getBoundingClientRect();
      const most = document.documentElement.clientWidth - width - 4, above = spot.y - height - 12;
      tip.style.left = `${Math.max(4, Math.min(spot.x - width / 2, most))}px`;
      tip.style.top = `${above < 4 ? spot.y + 14 : above}px`;
    }

    leave() {
      this.point = -1;
      this.spot.remove();
      tip.hidden = true;
      reading = null;
    }
  }

  for (const change of ["scroll", "resize"]) {
    addEventListener(change, () => reading && reading.place(), { capture: true, passive: true });
  }

  /** What stands in a drawing's titles, which from now on the page shows itself. */
  function titled(svg) {
    const points = [...svg.querySelectorAll("g > title")].map((title) => {
      const { x, y, width, height } = title.parentNode.getBBox();
      const text = title.textContent.trim();
      title.remove();
      return [x + width / 2, y + height - 10, text];
    });
    return points.length ? [{ quantity: "", points }] : [];
  }

  for (const figure of document.querySelectorAll("figure")) {
    const frame = figure.querySelector(".scroll"), svg = frame && frame.querySelector("svg");
    if (!svg) continue;
    const curves = figure.dataset.curves ? JSON.parse(figure.dataset.curves) : titled(svg);
    if (curves.length) new Reader(frame, svg, curves);
  }

  // ---- Tables -------------------------------------------------------------------------------

  const NUMBER = /^([−+-]?)(inf|[\d,]*\.?\d+(?:e[−+-]?\d+)?)(?=$|\s)/i;
  const words = new Intl.Collator("en", { numeric: true });

  function number(text) {
    const found = NUMBER.exec(text);
    if (!found) return NaN;
    const size = /inf/i.test(found[2]) ? Infinity : +found[2].replace(/,/g, "").replace("−", "-");
    return /[−-]/.test(found[1]) ? -size : size;
  }

  /** The cells of a column: as numbers where all are, else as words; null where there is none. */
  function keys(rows, column) {
    const texts = rows.map((row) => row.cells[column].textContent.trim());
    const missing = (text) => text === "–" || text === "";
    const numbers = texts.map(number);
    const numeric = texts.every((text, i) => missing(text) || !Number.isNaN(numbers[i]));
    return texts.map((text, i) => (missing(text) ? null : numeric ? numbers[i] : text));
  }

  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null); // missing always last
    if (typeof a === "number") return sign * (a < b ? -1 : +(a > b));
    return sign * words.compare(a, b);
  }

  function sortable(table) {
    const body = table.tBodies[0], given = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = made("button", { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: "none" };
        const order = next[head.getAttribute("aria-sort")] || "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        const found = keys(given, column), sign = order === "descending" ? -1 : 1;
        const places = given.map((_, place) => place);
        if (order !== "none") {
          head.setAttribute("aria-sort", order);
          places.sort((i, j) => compare(found[i], found[j], sign) || i - j);
        }
        body.append(...places.map((place) => given[place]));
        live.textContent = order === "none" ? "In the order given"
          : `Sorted by ${button.textContent}, ${order}`;
      });
    });
  }

  for (const table of document.querySelectorAll("table")) {
    if (table.tBodies[0].rows.length > 1) sortable(table);
  }

  // ---- The page -----------------------------------------------------------------------------

  addEventListener("beforeprint", () => {
    tip.hidden = true;
    for (const closed of document.querySelectorAll("details:not([open])")) closed.open = true;
  });
  const hint = document.querySelector("[data-hint]");
  if (hint) hint.hidden = false;
})();
