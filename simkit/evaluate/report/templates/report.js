"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("plots").textContent);
  const places = [...document.querySelectorAll("[data-plot]")];
  const settings = { displayModeBar: false, responsive: true, doubleClick: false };
  const PRINTED = 680; // width of an A4 page within its margins [px]

  for (const place of places) {
    const { data, layout } = figures[place.dataset.plot];
    Plotly.newPlot(place, data, { ...layout, autosize: true }, settings);
  }
  document.documentElement.dataset.drawn = String(places.length);

  for (const details of document.querySelectorAll("details"))
    details.addEventListener("toggle", () => {
      for (const place of details.querySelectorAll("[data-plot]")) Plotly.Plots.resize(place);
    });

  for (const button of document.querySelectorAll("button[data-set]"))
    button.addEventListener("click", () => {
      const visible = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(visible));
      for (const place of places) {
        const traces = place.data.flatMap((trace, at) => (trace.meta === button.dataset.set ? [at] : []));
        if (traces.length) Plotly.restyle(place, { visible }, traces);
      }
    });

  for (const button of document.querySelectorAll("button.copy"))
    button.addEventListener("click", () => {
      const code = button.previousElementSibling;
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy"); // the clipboard's own interface is closed to pages from disk
      button.textContent = "Copied";
    });

  let opened = [];
  const beforePrint = () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.screen)")];
    for (const details of opened) details.open = true;
    document.documentElement.classList.add("printing");
    for (const place of places) {
      const columns = Number(getComputedStyle(place).getPropertyValue("--columns")) || 1;
      Plotly.relayout(place, { width: (PRINTED - 24 * (columns - 1)) / columns - (columns > 1 ? 20 : 0) });
    }
  };
  const afterPrint = () => {
    for (const details of opened) details.open = false;
    document.documentElement.classList.remove("printing");
    for (const place of places) Plotly.relayout(place, { width: undefined, autosize: true });
  };
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
})();
