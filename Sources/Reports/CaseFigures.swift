import Foundation
import TensorCore

/// The pictures of a case page in their places, with captions.
struct CaseFigures {
  let pictures: CasePictures
  let unit: String

  /// Before and after: one large cut, then cuts of every plane.
  var comparisons: String {
    let large = pictures.large
    // Paper has room for one of them.
    let overviews = pictures.overviews.enumerated().map { index, sheet in
      "<div\(index == 0 ? "" : " class=\"screen\"")><h3>\(heading(sheet))</h3>\(comparison(sheet, class: "compare"))</div>"
    }
    return """
      <section><h2>Before and after</h2>
      <div class="tools" role="group" aria-label="All pictures"><button data-split="100">Before</button>\
      <button data-split="50" aria-pressed="true">Split</button><button data-split="0">After</button>
      <span class="hint">Drag across a picture, or use its slider. Keys: B before, S split, A after.</span></div>
      <div class="pair pictures">\(comparison(large, class: "compare"))
      \(still(large, large.residual, map: .diverging, caption: "Removed from this cut: before − after, \(reach)"))</div>
      \(overviews.joined(separator: "\n"))</section>
      """
  }

  /// What the ends of the residual's colours stand for.
  private var reach: String { "\(short(-Double(pictures.reach))) to +\(quantity(Double(pictures.reach), unit))" }

  /// What was removed, with its histogram, its spectrum and how it correlates with itself.
  func residuals(_ residual: Tensor, _ spectrum: PowerSpectrum?, _ numbers: ReportNumbers) -> String {
    let reach = Double(pictures.reach)
    let histogram = Histogram([("residual", "rest", residual)], low: -reach, high: reach)
    let sheets = pictures.overviews.map {
      "<div class=\"screen\"><h3>\(heading($0))</h3>\(still($0, $0.residual, map: .diverging, caption: cuts($0)))</div>"
    }
    let legend = ColourMap.diverging.legend(
      quantity(-reach, unit), "0", "+" + quantity(reach, unit), title: "Colours of the residual")
    return """
      <section><h2>Residual: what was removed</h2>
      <p>Grain alone means that noise went. Edges, vessels or organs in these pictures mean that anatomy went with it.</p>
      \(legend)
      <div class="pair charts"><div>\(histogram.svg(title: "Residual, before − after", unit: unit))</div>
      <div>\(spectrum.flatMap { SpectrumPlot(spectrum: $0, unit: unit).svg } ?? "")</div>
      <div>\(correlation(numbers))</div></div>
      \(sheets.joined(separator: "\n"))</section>
      """
  }

  /// The standard deviation over samples, where there is one.
  var deviations: String {
    guard let large = pictures.large.deviation else { return "" }
    let sheets = pictures.overviews.compactMap { sheet in
      sheet.deviation.map {
        "<h3>\(heading(sheet))</h3>\(still(sheet, $0, map: .ember, caption: cuts(sheet)))"
      }
    }
    let top = Double(pictures.deviationReach)
    return """
      <section class="screen"><h2>Uncertainty: standard deviation over samples</h2>
      <p>Where samples of the model disagree, the result is the model's guess more than the scan's content.</p>
      \(ColourMap.ember.legend(quantity(0, unit), quantity(top / 2, unit), quantity(top, unit), title: "Colours of the deviation"))
      <div class="pair">\(still(pictures.large, large, map: .ember, caption: cuts(pictures.large)))</div>
      \(sheets.joined(separator: "\n"))</section>
      """
  }

  // MARK: Parts

  private func comparison(_ sheet: CasePictures.Sheet, class name: String) -> String {
    let plane = sheet.sheet.plane.name
    return """
      <figure class="\(name)">\(open(sheet))<div class="stage c\(sheet.sheet.columns)" data-columns="\(sheet.sheet.columns)">
      <div class="layer">\(image(sheet, sheet.before, "\(plane) cuts before"))\(sheet.sheet.overlay(word: "before", class: "before"))</div>
      <div class="layer second">\(image(sheet, sheet.after, "\(plane) cuts after"))\(sheet.sheet.overlay(word: "after", class: "after"))</div>
      <span class="line"></span></div>\(close(sheet))
      <label class="slide"><span class="before">before</span><input type="range" min="0" max="100" value="50" \
      aria-label="\(plane): divide before from after, in percent of a cut"><span class="after">after</span></label>
      <figcaption>\(cuts(sheet)); \(window(sheet.scale))</figcaption></figure>
      """
  }

  private func still(_ sheet: CasePictures.Sheet, _ source: String, map: ColourMap, caption: String) -> String {
    """
    <figure>\(open(sheet))<div class="still"><div class="layer map-\(map.name)">\
    \(image(sheet, source, "\(sheet.sheet.plane.name): \(caption)"))\(sheet.sheet.overlay(word: "", class: "rest"))</div></div>\(close(sheet))
    <figcaption>\(escaped(caption))</figcaption></figure>
    """
  }

  /// Sheets keep a size at which something can be seen: what is too wide for the screen scrolls.
  private func open(_ sheet: CasePictures.Sheet) -> String {
    sheet.sheet.cuts.count > 1 ? "<div class=\"scroll\">" : ""
  }
  private func close(_ sheet: CasePictures.Sheet) -> String { sheet.sheet.cuts.count > 1 ? "</div>" : "" }

  private func image(_ sheet: CasePictures.Sheet, _ source: String, _ alternative: String) -> String {
    let size = "width=\"\(sheet.sheet.width)\" height=\"\(sheet.sheet.height)\""
    return "<img alt=\"\(escaped(alternative)), research use only\" \(size) src=\"\(source)\">"
  }

  private func heading(_ sheet: CasePictures.Sheet) -> String {
    sheet.sheet.plane.name.prefix(1).uppercased() + sheet.sheet.plane.name.dropFirst()
  }

  private func cuts(_ sheet: CasePictures.Sheet) -> String {
    let list = sheet.sheet.cuts.map { String($0 + 1) }.joined(separator: ", ")
    let word = sheet.sheet.cuts.count == 1 ? "cut" : "cuts"
    return "\(heading(sheet)), \(word) \(list) of \(sheet.sheet.plane.depth)"
  }

  private func window(_ scale: GreyScale) -> String {
    let (low, high) = (Double(scale.low), Double(scale.high))
    return "black to white: \(brief(low)) to \(quantity(high, unit)) "
      + "(width \(brief(high - low)), level \(brief((low + high) / 2)))"
  }

  private func correlation(_ numbers: ReportNumbers) -> String {
    let (value, bound) = (numbers.residualAutocorrelation, numbers.whiteNoiseAutocorrelation)
    let reading =
      switch abs(value) {
      case ...bound: "cannot be told from white noise"
      case ..<0.2: "close to white noise"
      case ..<0.5: "correlated, as the noise of reconstructed images is; look for edges in the pictures"
      default: "strongly correlated: structure may have been removed; look at the pictures"
      }
    return """
      <dl class="keys"><div><dt>Structure left in the residual: its correlation one voxel further, inside the object</dt>
      <dd class="\(abs(value) < 0.5 ? "" : "alert")">\(brief(value))</dd>
      <dd class="note">\(reading). White noise gives 0 ± \(brief(bound)), the mean of 2 × 2 neighbours of it 0.5, pure \
      structure 1.</dd></div></dl>
      """
  }
}
