import Foundation

/// The page over all cases of a results folder: how many stand how, how their figures spread, and a row for each.
///
/// It lists and does not embed: pictures and case pages lie in the same folder and are loaded when they are looked at.
struct CohortPage {
  let rows: [CohortRow]
  let outliers: CohortOutliers

  /// Columns with figures: what a person compares between cases, while the others are in `cohort.tsv`.
  private static let shown = [
    "noiseBefore", "noiseAfter", "interSliceAfter", "residualDeviation", "residualAutocorrelation",
  ]
  private static var figures: [QualityFigure] { QualityFigure.all.filter { shown.contains($0.metric) } }

  /// The page as UTF-8.
  func html() -> Data {
    let frame = PageFrame(
      title: "Pellucid cohort", style: PageStyle.base + CohortStyle.css, script: CohortStyle.script,
      pictures: "'self' file: data:")
    return frame.html([head, plots, table].joined(separator: "\n"))
  }

  private var head: String {
    func card(_ title: String, _ value: Int, _ note: String, _ style: String) -> String {
      "<div><dt>\(title)</dt><dd class=\"\(value > 0 ? style : "")\">\(value)</dd><dd class=\"note\">\(note)</dd></div>"
    }
    func count(_ state: CohortRow.State) -> Int { rows.count { $0.state == state } }
    let marked = outliers.marks.count { !$0.isEmpty }
    return """
      <header><p class="eyebrow">Pellucid · cohort report</p><h1>\(rows.count) \(rows.count == 1 ? "case" : "cases")</h1>
      <p class="hint">Derived by generative models. Research use only, not for diagnosis. Keep and consult the original \
      images. The same as a table: <a href="cohort.tsv">cohort.tsv</a>, its columns: <a href="cohort.json">cohort.json</a>.</p>
      </header><dl class="keys">
      \(card("Done", count(.done), "committed results", "good"))\(card("Failed", count(.failed), "tried, no result", "alert"))
      \(card("Quarantined", count(.quarantined), "set aside for a person", "alert"))
      \(card("Outliers", marked, "a figure far from the others of its model", "alert"))\(rated)</dl>
      """
  }

  /// How many cases a person has rated, and how; nothing before the first.
  private var rated: String {
    let verdicts = rows.compactMap { $0.ratings.last?.rating }
    guard !verdicts.isEmpty else { return "" }
    let counts = CaseRating.Verdict.allCases.map { verdict in "\(verdicts.count { $0 == verdict }) \(verdict.rawValue)"
    }
    return
      "<div><dt>Rated</dt><dd>\(verdicts.count)</dd><dd class=\"note\">\(counts.joined(separator: ", "))</dd></div>"
  }

  // MARK: Figures

  private var plots: String {
    let drawn = Self.figures.flatMap { figure in
      // Values of different units have no axis in common.
      (figure.isIntensity ? units : ["no unit"]).compactMap { unit -> String? in
        let points = rows.indices.filter { !figure.isIntensity || Self.unit(of: rows[$0]) == unit }.compactMap {
          index in
          rows[index].metrics[figure.metric].map {
            CohortPlot.Point(value: $0, row: rows[index].caseID, isOutlier: outliers.marks[index][figure.metric] != nil)
          }
        }
        return points.count > 1 ? CohortPlot(figure: figure, unit: unit, points: points).svg : nil
      }
    }
    guard !drawn.isEmpty else { return "" }
    return """
      <section><h2>How figures spread</h2><p class="hint">A dot is a case. \
      <span class="alert">Ringed</span>: robust z beyond 3.5 among cases of the same model and sampler.</p>
      <div class="plots">\(drawn.joined(separator: "\n"))</div></section>
      """
  }

  /// Units of the cases that have figures, in order.
  private var units: [String] { Set(rows.filter { !$0.metrics.isEmpty }.map(Self.unit)).sorted() }

  private static func unit(of row: CohortRow) -> String { row.unit ?? "unit not recorded" }

  // MARK: Rows

  private var table: String {
    let unit = units.count == 1 ? ", \(units[0].replacing(" ", with: "\u{A0}"))" : ""
    let titles =
      [("Case", "text"), ("State", "text")]
      + Self.figures.map { ("\($0.title)\($0.isIntensity ? unit : "")", "number") }
      + [("Time, s", "number"), ("Remarks", "text"), ("Rating", "text"), ("Model", "text")]
    let head = titles.enumerated().map { index, title in
      "<th scope=\"col\"\(index == 0 ? " aria-sort=\"ascending\"" : "")><button type=\"button\" data-kind=\"\(title.1)\">\(escaped(title.0))</button></th>"
    }
    return """
      <section><h2>Cases</h2><div class="tools"><label>Find <input type="text" id="find" autocomplete="off"></label>
      <label><input type="checkbox" id="attention"> only what needs a look</label> <span class="hint" id="shown" role="status"></span></div>
      <div class="wide"><table class="cases"><thead><tr><td></td>\(head.joined())</tr></thead>
      <tbody>\(zip(rows, outliers.marks).map(line).joined(separator: "\n"))</tbody></table></div></section>
      """
  }

  private func line(_ row: CohortRow, _ marks: [String: Double]) -> String {
    let needsLook = row.state != .done || !marks.isEmpty || !row.remarks.isEmpty
    let name = escaped(row.caseID)
    let picture = row.thumbnail.map {
      "<img loading=\"lazy\" width=\"64\" height=\"64\" alt=\"\" src=\"\(Self.link($0))\">"
    }
    let title = row.page.map { "<a href=\"\(Self.link($0))\">\(name)</a>" } ?? name
    var cells = [
      "<td class=\"picture\">\(picture ?? "")</td>", "<th scope=\"row\" class=\"hash\">\(title)\(names(row))</th>",
      state(row),
    ]
    for figure in Self.figures {
      guard let value = row.metrics[figure.metric] else {
        cells.append("<td></td>")
        continue
      }
      let z = marks[figure.metric]
      let mark = z.map { " class=\"alert\" title=\"robust z \(brief($0))\"" } ?? ""
      let unit = figure.isIntensity && units.count > 1 ? " \(escaped(Self.unit(of: row)))" : ""
      cells.append(
        "<td data-v=\"\(String(format: "%.6g", value))\"\(mark)>\(brief(value))\(unit)\(z == nil ? "" : " ▲")</td>")
    }
    cells.append(row.seconds.map { "<td data-v=\"\(String(format: "%.3f", $0))\">\(brief($0))</td>" } ?? "<td></td>")
    cells.append("<td>\(escaped(row.remarks.joined(separator: ", ")))</td>")
    cells.append(rating(row))
    cells.append("<td>\(escaped([row.model, row.sampler].compactMap(\.self).joined(separator: ", ")))</td>")
    return "<tr id=\"c\(name)\"\(needsLook ? " data-look" : "")>\(cells.joined())</tr>"
  }

  /// Links to the result under its BIDS names.
  private func names(_ row: CohortRow) -> String {
    row.images.filter { $0.hasPrefix("sub-") }.map { path in
      let file = path.split(separator: "/").last.map(String.init) ?? path
      return "<small><a href=\"\(Self.link(path))\">\(escaped(String(file.prefix { $0 != "." })))</a></small>"
    }.joined()
  }

  private func state(_ row: CohortRow) -> String {
    let style = row.state == .done ? "good" : "alert"
    let reason = row.reason.map { "<small>\(escaped($0))</small>" } ?? ""
    return "<td><span class=\"\(style)\">\(row.state.rawValue)</span>\(reason)</td>"
  }

  private func rating(_ row: CohortRow) -> String {
    guard let last = row.ratings.last else { return "<td></td>" }
    let style = last.rating == .accept ? "good" : "alert"
    let seen =
      last.artefacts.isEmpty ? "" : "<small>\(escaped(last.artefacts.map(\.title).joined(separator: ", ")))</small>"
    let notes =
      last.notes.isEmpty ? "" : "<small class=\"words\">\(escaped(last.notes.replacing("\n", with: " ")))</small>"
    return "<td><span class=\"\(style)\">\(last.rating.rawValue)</span>\(seen)\(notes)</td>"
  }

  /// A relative path as a link: nothing in it can start a scheme, a query or a fragment.
  static func link(_ path: String) -> String {
    let safe = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")
    return "./" + (path.addingPercentEncoding(withAllowedCharacters: safe) ?? "")
  }
}
