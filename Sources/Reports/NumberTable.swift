import Foundation
import Provenance

/// A restoration's figures as key numbers and as a table, each with its unit.
struct NumberTable {
  let numbers: ReportNumbers
  let unit: String

  /// The three or four numbers to look at first.
  func keys(envelope: EnvelopeRecord) -> String {
    var cards = [
      card(
        "Noise in a slice", change(numbers.noise), "standard deviation, estimated; \(percent(numbers.noise))")
    ]
    if let pair = numbers.interSlice {
      let flickers = pair[1] > pair[0]
      cards.append(
        card(
          "Between neighbouring slices", change(pair),
          flickers ? "RMS difference rose: slices disagree more than before" : "RMS difference; \(percent(pair))",
          style: flickers ? "alert" : ""))
    }
    cards.append(
      card(
        "Removed", "\(brief(numbers.residualDeviation)) <small>\(escaped(unit))</small>",
        "standard deviation of before − after; mean \(brief(numbers.residualMean)) \(unit)"))
    cards.append(
      card(
        "Input", envelope.inside ? "inside" : "outside",
        envelope.inside ? "what the model is meant for" : "of what the model is meant for: see the remarks",
        style: envelope.inside ? "good" : "alert"))
    return "<dl class=\"keys\">\(cards.joined())</dl>"
  }

  /// All figures.
  var html: String {
    var rows = [row("Noise in a slice, standard deviation (estimate)", numbers.noise)]
    if let pair = numbers.interSlice { rows.append(row("Difference between neighbouring slices, RMS", pair)) }
    rows += [
      ["Residual, mean", "", quantity(numbers.residualMean, unit), ""],
      ["Residual, standard deviation", "", quantity(numbers.residualDeviation, unit), ""],
      [
        "Residual, correlation one voxel further, inside the object (no unit; white noise: 0 ± "
          + "\(brief(numbers.whiteNoiseAutocorrelation)))", "", short(numbers.residualAutocorrelation), "",
      ],
    ]
    let note =
      unit == "a.u." ? "<p class=\"hint\">a.u.: arbitrary unit, the image's own; its file does not say which.</p>" : ""
    return """
      \(htmlTable(header: ["Figure", "before", "after", "change"], rows, class: "numbers"))
      \(note)<p class="hint">None of these needs a truth to compare with, and none says that the result is right.</p>
      """
  }

  private func card(_ title: String, _ value: String, _ note: String, style: String = "") -> String {
    "<div><dt>\(escaped(title))</dt><dd class=\"\(style)\">\(value)</dd><dd class=\"note\">\(escaped(note))</dd></div>"
  }

  private func change(_ pair: [Double]) -> String {
    """
    <span class="before">\(brief(pair[0]))</span> → <span class="after">\(brief(pair[1]))</span> \
    <small>\(escaped(unit))</small>
    """
  }

  private func row(_ title: String, _ pair: [Double]) -> [String] {
    [title, quantity(pair[0], unit), quantity(pair[1], unit), percent(pair)]
  }

  private func percent(_ pair: [Double]) -> String {
    guard pair[0] > 0 else { return "no change to state" }
    let share = ((pair[1] / pair[0] - 1) * 100).rounded()
    // Noise in all but nothing may be any multiple of what was there.
    guard share < 1e6 else { return "more than ten-thousandfold" }
    return share > 0 ? "+\(Int(share)) %" : share < 0 ? "−\(Int(-share)) %" : "±0 %"
  }
}
