"""A slider over the instants of a run. The only door to anywidget and traitlets."""

from typing import Any

import anywidget
import traitlets

from simulator.pipeline import Run
from simulator.teaching.stills import Stills, write_findings, write_instant

_SCRIPT = """
function render({ model, el }) {
  const instants = model.get("instants");
  const make = (kind, parent) => parent.appendChild(document.createElement(kind));
  const box = make("div", el);
  box.className = "backup-timeline";
  const line = make("label", box);
  const slider = make("input", line);
  const name = make("output", line);
  const figure = make("pre", box);
  const findings = make("pre", box);
  slider.type = "range";
  slider.min = 0;
  slider.max = Math.max(0, instants.length - 1);
  slider.step = 1;
  slider.setAttribute("aria-label", "instant");
  // JupyterLab would take the arrow keys, to move between cells.
  slider.setAttribute("data-lm-suppress-shortcuts", "true");
  name.setAttribute("aria-live", "polite");

  // Everything that is shown is text: a name in a scenario is never run.
  const show = () => {
    const place = Math.max(0, instants.indexOf(model.get("instant")));
    const label = instants[place] ?? "";
    slider.value = place;
    slider.setAttribute("aria-valuetext", label);
    name.textContent = label;
    figure.textContent = model.get("figures")[place] ?? "";
    findings.textContent = model.get("findings")[place] ?? "";
    findings.hidden = !findings.textContent;
  };
  slider.addEventListener("input", () => {
    model.set("instant", instants[Number(slider.value)]);
    model.save_changes();
  });
  model.on("change:instant", show);
  show();
  return () => model.off("change:instant", show);
}
export default { render };
"""

_STYLE = """
.backup-timeline label { display: flex; gap: 1em; align-items: center; }
.backup-timeline input { width: 20em; max-width: 60%; }
.backup-timeline pre { line-height: 1.25; overflow-x: auto; }
.backup-timeline pre + pre { border-left: 3px solid #c4320a; padding-left: 0.8em; }
"""


class Slider(anywidget.AnyWidget):
    """The figure and the findings of one instant of a run, and a slider to another one.

    What the slider shows is in :attr:`instant`, and what is put there it shows.

    Attributes:
        instant: The instant that is shown.
        instants: All that there are, in the order of time.
        figures: Each instant as text.
        findings: What was found at each; empty text for nothing.
    """

    _esm = _SCRIPT
    _css = _STYLE
    instants = traitlets.List(traitlets.Unicode()).tag(sync=True)
    figures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    findings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    instant = traitlets.Unicode().tag(sync=True)

    def __init__(self, run: Run) -> None:
        frames = [frame for frame in run.timeline.frames if frame.label is not None]
        super().__init__(
            instants=list(run.labels),
            figures=[write_instant(run.timeline, frame) for frame in frames],
            findings=[write_findings(run, frame) for frame in frames],
            instant=run.labels[0] if run.labels else "",
        )
        self._stills = Stills(run)

    @traitlets.validate("instant")
    def _check_instant(self, proposal: Any) -> Any:
        known = self.instants
        if known and proposal["value"] not in known:
            there = ", ".join(known)
            raise traitlets.TraitError(f"no instant {proposal['value']}; there are {there}")
        return proposal["value"]

    def __repr__(self) -> str:
        if not self.instants:
            return ""
        place = self.instants.index(self.instant)
        return "\n\n".join(text for text in (self.figures[place], self.findings[place]) if text)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the widget, and all instants for a reader that shows no widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/html"] = self._stills._repr_html_()
        return bundle
