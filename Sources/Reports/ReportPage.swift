import DurableFiles
public import Foundation
public import Provenance
public import TensorCore
public import Volumes

/// One self-contained HTML page about a restoration: before, after, residual, numbers, provenance.
///
/// Built by hand rather than with a template engine: one page, and every text goes through `escaped`. The page asks
/// for nothing from outside; its content security policy forbids all but its own style, script and pictures.
public struct ReportPage {
  let before: Volume
  let after: Tensor
  let deviation: Tensor?
  let numbers: ReportNumbers
  let manifest: Manifest
  let command: String
  let unit: String

  /// A page from what it shows.
  ///
  /// `after` and `deviation` have the shape of `before.voxels`; `command` repeats the run, with base names for paths;
  /// `unit` is that of the voxel values, such as `HU`, or empty.
  public init(
    before: Volume, after: Tensor, deviation: Tensor?, numbers: ReportNumbers, manifest: Manifest, command: String,
    unit: String
  ) {
    self.before = before
    self.after = after
    self.deviation = deviation
    self.numbers = numbers
    self.manifest = manifest
    self.command = command
    self.unit = unit
  }

  private static let cutsPerMosaic = 5
  private static let tileSide = 128
  private static let largestPicture = 512

  /// The page as UTF-8.
  public func html() throws -> Data {
    let scale = DisplayRange.of(before.voxels)
    let residual = Tensor.linearCombination([(1, before.voxels), (-1, after)])
    let reach = max(DisplayRange.reach(of: residual), .leastNormalMagnitude)
    let planes = ViewPlane.planes(of: before)
    let threshold = scale.low + (scale.high - scale.low) / 4
    var shapes = ""
    var figures = ""
    var mosaics = ""
    for (i, plane) in planes.enumerated() {
      let cuts = plane.cuts(Self.cutsPerMosaic, of: before.voxels, above: threshold)
      let middle = cuts[cuts.count / 2]
      let size = plane.displaySize(limit: Self.largestPicture)
      shapes += ".p\(i){aspect-ratio:\(size.width)/\(size.height)}"
      figures += try comparison(plane, i, at: middle, scale: scale)
      if i == 0, unit == "HU" { figures += try comparison(plane, i, at: middle, scale: .softTissue) }
      mosaics += try strip("\(plane.name), after", plane, cuts, after, scale)
      mosaics += try strip("\(plane.name), before", plane, cuts, before.voxels, scale)
      mosaics += try strip(
        "\(plane.name), residual (before − after), grey level 128 = 0, black to white = ±\(short(Double(reach))) \(unit)",
        plane,
        cuts, residual, GreyScale(low: -reach, high: reach))
      if let deviation {
        mosaics += try strip(
          "\(plane.name), standard deviation over samples, white = \(short(Double(DisplayRange.reach(of: deviation)))) \(unit)",
          plane, cuts, deviation, GreyScale(low: 0, high: DisplayRange.reach(of: deviation)))
      }
    }
    let histogram = Histogram(before: before.voxels, after: after, low: scale.low, high: scale.high)
    let style = ReportStyle.css + shapes
    let name = manifest.outputs.first?.name ?? "result"
    let page = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
      style-src '\(Self.source(style))'; script-src '\(Self.source(ReportStyle.script))'">
      <meta name="viewport" content="width=device-width, initial-scale=1"><title>\(escaped(name)) – Pellucid report</title>
      <style>\(style)</style></head><body>
      <p class="banner" role="note">\(escaped(manifest.marking.text))</p>
      <h1>\(escaped(name))</h1>
      <p>\(escaped(summary))</p>\(remarks)
      <h2>Before and after</h2><div class="planes">\(figures)</div>
      <h2>Numbers</h2>\(numberTable)
      <h2>Voxel values</h2>\(histogram.svg)
      <h2>Cuts</h2>\(mosaics)
      <h2>Provenance</h2>\(provenanceTable)
      <h2>Repeat this run</h2><pre>\(escaped(command))</pre>
      <script>\(ReportStyle.script)</script></body></html>

      """
    return Data(page.utf8)
  }

  // MARK: Pictures

  private func comparison(_ plane: ViewPlane, _ number: Int, at cut: Int, scale: GreyScale) throws -> String {
    let images = try [before.voxels, after].map { voxels in
      var picture = plane.picture(of: voxels, at: cut, scale: scale)
      if max(picture.width, picture.height) > Self.largestPicture {
        let size = plane.displaySize(limit: Self.largestPicture)
        picture = picture.resized(width: min(size.width, picture.width), height: min(size.height, picture.height))
      }
      return try dataURL(picture)
    }
    let edges = zip(["left", "right", "top", "bottom"], plane.letters).map { "<b class=\"\($0)\">\($1)</b>" }.joined()
    return """
      <figure><div class="compare p\(number)"><img alt="\(plane.name) cut before" src="\(images[0])">
      <img class="after" alt="\(plane.name) cut after" src="\(images[1])"><span class="line"></span>\(edges)
      <b class="word0">before</b><b class="word1">after</b>
      <input type="range" min="0" max="100" value="50" aria-label="\(plane.name): divide before from after"></div>
      <figcaption>\(plane.name) cut \(cut + 1) of \(plane.depth); black to white = \(short(Double(scale.low))) to \
      \(short(Double(scale.high))) \(escaped(unit))</figcaption></figure>
      """
  }

  private func strip(_ title: String, _ plane: ViewPlane, _ cuts: [Int], _ voxels: Tensor, _ scale: GreyScale) throws
    -> String
  {
    let size = plane.displaySize(limit: Self.tileSide)
    let tiles = cuts.map {
      plane.picture(of: voxels, at: $0, scale: scale).resized(width: size.width, height: size.height)
    }
    return """
      <figure class="strip"><img alt="\(escaped(title))" src="\(try dataURL(.mosaic(tiles)))">
      <figcaption>\(escaped(title)); cuts \(cuts.map { String($0 + 1) }.joined(separator: ", ")) of \(plane.depth)</figcaption></figure>
      """
  }

  private func dataURL(_ picture: GreyImage) throws -> String {
    let png = try PNGFile.encode(picture.pixels, width: picture.width, height: picture.height)
    return "data:image/png;base64,\(png.base64EncodedString())"
  }

  // MARK: Texts

  private var summary: String {
    let size =
      "\(before.columns) × \(before.rows) × \(before.slices)"
      + (before.frames > 1 ? ", \(before.frames) frames (the first is shown)" : "")
    return "\(size) voxels of \(before.spacing.map(short).joined(separator: " × ")) mm, restored by "
      + "\(manifest.model.name) \(manifest.model.version)."
  }

  private var remarks: String {
    let all = manifest.qc.envelope.reasons + manifest.qc.flags
    return all.isEmpty ? "" : "<ul class=\"note\">" + all.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>"
  }

  private var numberTable: String {
    var rows = [["noise, standard deviation in a slice (estimate)", short(numbers.noise[0]), short(numbers.noise[1])]]
    if let pair = numbers.interSlice {
      rows.append(["difference between neighbouring slices, RMS", short(pair[0]), short(pair[1])])
    }
    rows += [
      ["residual: mean", "", short(numbers.residualMean)],
      ["residual: standard deviation", "", short(numbers.residualDeviation)],
      ["residual: correlation with the next voxel (0 = white noise)", "", short(numbers.residualAutocorrelation)],
    ]
    return table(header: ["", "before", "after"], rows)
  }

  private var provenanceTable: String {
    let parameters = manifest.parameters.sorted { $0.key < $1.key }.map { "\($0.key) = \(text($0.value))" }
    var rows = [
      ["run", manifest.id], ["time", "\(manifest.startedAt) to \(manifest.endedAt)"],
      ["software", "\(manifest.software.name) \(manifest.software.version), \(manifest.software.compiler)"],
      ["model", "\(manifest.model.name) \(manifest.model.version), SHA-256 \(manifest.model.weightsSha256)"],
      ["model licence", manifest.model.licence ?? "not stated"],
      [
        "trained on",
        manifest.model.trainedOn.isEmpty ? "not stated" : manifest.model.trainedOn.joined(separator: "; "),
      ],
      ["intended use", manifest.model.intendedUse ?? "not stated"],
      ["parameters", parameters.joined(separator: ", ")],
      ["random numbers", "\(manifest.rng.algorithm), seed \(manifest.rng.seed), \(manifest.rng.keying)"],
    ]
    for file in manifest.inputs { rows.append(["input (\(file.role))", "\(file.name), SHA-256 \(file.sha256)"]) }
    for file in manifest.outputs { rows.append(["output (\(file.role))", "\(file.name), SHA-256 \(file.sha256)"]) }
    let machine = manifest.environment
    rows.append([
      "machine",
      "\(machine.cpuModel), \(machine.isa), OpenBLAS \(machine.blasCore), \(machine.threads) threads, \(machine.os)",
    ])
    return table(header: nil, rows)
  }

  private func table(header: [String]?, _ rows: [[String]]) -> String {
    let head = header.map { "<tr>" + $0.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined() + "</tr>" } ?? ""
    let body = rows.map { row in
      "<tr><th scope=\"row\">\(escaped(row[0]))</th>" + row.dropFirst().map { "<td>\(escaped($0))</td>" }.joined()
        + "</tr>"
    }
    return "<table>\(head)\(body.joined())</table>"
  }

  private func text(_ value: ParameterValue) -> String {
    switch value {
    case .text(let text): text
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .flag(let flag): String(flag)
    case .list(let values): values.map(text).joined(separator: " ")
    }
  }

  private func short(_ value: Double) -> String { String(format: "%.4g", value) }

  /// How a content security policy names a fixed text: by its SHA-256 in base64.
  private static func source(_ text: String) -> String {
    let hex = Array(ContentDigest.sha256(of: Data(text.utf8)))
    let bytes = stride(from: 0, to: hex.count, by: 2).map { UInt8(String(hex[$0...$0 + 1]), radix: 16)! }
    return "sha256-" + Data(bytes).base64EncodedString()
  }
}

/// Text as it may stand in HTML, in attributes too; control characters and direction marks are spelled out.
func escaped(_ text: String) -> String {
  var out = ""
  for character in FileError.printable(text) {
    switch character {
    case "&": out += "&amp;"
    case "<": out += "&lt;"
    case ">": out += "&gt;"
    case "\"": out += "&quot;"
    case "'": out += "&#39;"
    default: out.append(character)
    }
  }
  return out
}
