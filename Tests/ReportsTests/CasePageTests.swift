import Foundation
import Provenance
import TensorCore
import Testing
import Volumes

@testable import Reports

@Suite("Case page") struct CasePageTests {
  private func text(_ page: ReportPage) throws -> String { String(decoding: try page.html(), as: UTF8.self) }

  private func count(_ word: String, in text: String) -> Int { text.components(separatedBy: word).count - 1 }

  @Test("a page of the noisiest pictures stays below its budget, with an uncertainty map too")
  func budget() throws {
    let deviation = ball(columns: 120, rows: 120, slices: 120, noise: 500, seed: 3)
    let page = try testPage(
      columns: 120, rows: 120, slices: 120, spacing: [0.7, 0.7, 0.7], noise: 5000, deviation: deviation
    ).html()
    #expect(page.count < 1_500_000)
    // The budget is used, not missed by far: pictures are as large as they may be.
    #expect(page.count > 900_000)
  }

  @Test("letters, numbers of cuts, a scale bar and the marking are on the pictures; edges follow the affine")
  func pictureMarks() throws {
    let page = try text(testPage())
    for letter in ["R", "L", "A", "P", "S", "I"] { #expect(page.contains(">\(letter)</text>"), "\(letter)") }
    #expect(page.contains("1 cm</text>") || page.contains("2 cm</text>"))
    #expect(page.contains("research use only\" width="))
  }

  @Test("an image without orientation has no letters and no scale, and a single slice no sheets")
  func png() throws {
    let page = try text(testPage(slices: 1, unit: "a.u.", format: .png))
    #expect(!page.contains("class=\"side\"") && !page.contains("class=\"bar\"") && !page.contains("class=\"scroll\""))
    #expect(count("src=\"data:image/png", in: page) == 3)
    #expect(page.contains("a.u."))
  }

  @Test("title and heading are digits of the job's key; names stand only in provenance and command")
  func title() throws {
    let manifest = try testManifest()
    let page = try text(testPage(manifest: manifest))
    let name = manifest.jobKey.prefix(16)
    #expect(page.contains("<title>Pellucid report \(name)</title>") && page.contains("<h1>Case \(name)</h1>"))
  }

  @Test("the papers of the sampler that ran are cited", arguments: [("ddim", 2), ("pfdiff-1_1", 3), ("ddpm", 1)])
  func citation(sampler: String, papers: Int) throws {
    #expect(count("arXiv:", in: try text(testPage(manifest: try testManifest(sampler: sampler)))) == papers)
  }

  @Test("three planes and a gain of slices' differences stand on the page and in what is to be cited")
  func composition() throws {
    var manifest = try testManifest()
    let plain = try text(testPage(manifest: manifest))
    manifest.qc.slicing = SlicingRecord(plane: "all", axis: 2)
    manifest.qc.metrics["sliceDetailGain"] = 0.625
    let page = try text(testPage(manifest: manifest))
    #expect(count("in each of three planes", in: page) == 2 && !plain.contains("three planes"))
    #expect(count("matched to the scan&#39;s, gain 0.6", in: page) == 2 && !plain.contains("gain 0.6"))
  }

  @Test("remarks are listed and mark the input as outside; without any there is no list")
  func remarks() throws {
    let page = try text(testPage(manifest: try testManifest(flags: ["W-ENVELOPE: slice spacing <9> mm"])))
    #expect(page.contains("<li>W-ENVELOPE: slice spacing &lt;9&gt; mm</li>") && page.contains(">outside</dd>"))
    #expect(try !text(testPage()).contains("<ul class=\"remarks"))
  }

  @Test("every number in the table of figures has its unit")
  func units() throws {
    let page = try text(testPage())
    let table = try #require(page.firstRange(of: "class=\"numbers\"")).upperBound
    let cells = page[table...].prefix(while: { $0 != "§" }).components(separatedBy: "</table>")[0]
      .components(separatedBy: "<td>").dropFirst().map { $0.components(separatedBy: "</td>")[0] }
    #expect(cells.count == 15)
    for cell in cells.dropLast(2) where !cell.isEmpty {
      #expect(cell.hasSuffix(" HU") || cell.hasSuffix(" %"), "\(cell)")
    }
  }

  @Test("every colour of text stands out from its ground as WCAG 2 asks for: 4.5 to 1")
  func contrast() {
    for (text, ground) in Palette.pairs { #expect(Self.contrast(text, ground) >= 4.5, "\(text) on \(ground)") }
    // Known answers: black on white, and equal colours.
    #expect(abs(Self.contrast("#000000", "#ffffff") - 21) < 1e-9 && Self.contrast("#123456", "#123456") == 1)
  }

  /// The ratio of WCAG 2.1, from relative luminances.
  private static func contrast(_ a: String, _ b: String) -> Double {
    func luminance(_ colour: String) -> Double {
      let number = Int(colour.dropFirst(), radix: 16)!
      return zip([16, 8, 0], [0.2126, 0.7152, 0.0722]).reduce(0) { sum, part in
        let level = Double(number >> part.0 & 255) / 255
        return sum + part.1 * (level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4))
      }
    }
    let (x, y) = (luminance(a), luminance(b))
    return (max(x, y) + 0.05) / (min(x, y) + 0.05)
  }
}

@Suite("Pictures of a case page") struct CasePictureTests {
  @Test("a sheet shows eight cuts as large as they get in a picture at most half as high as wide")
  func layout() {
    func columns(_ size: [Int], _ spacing: [Double]) -> Int {
      let volume = testVolume(
        [Float](repeating: 9, count: size.reduce(1, *)), columns: size[0], rows: size[1], slices: size[2],
        spacing: spacing)
      return ContactSheet.overview(ViewPlane(volume, normal: 2), of: volume.voxels, above: 1, width: 400).columns
    }
    #expect(columns([40, 40, 20], [1, 1, 1]) == 4)
    #expect(columns([40, 10, 20], [1, 1, 1]) == 2)
    #expect(columns([10, 40, 20], [1, 1, 1]) == 8)
    #expect(columns([40, 10, 20], [1, 4, 1]) == 4)
    #expect(columns([40, 40, 3], [1, 1, 1]) == 3)
  }

  @Test("a tile has the proportions of its cut in mm, is enlarged by whole numbers, and keeps its values")
  func tiles() {
    let volume = testVolume((0..<8 * 8).map(Float.init), columns: 8, rows: 8, slices: 1, spacing: [1, 2, 5])
    let sheet = ContactSheet(ViewPlane(volume, normal: 2), cuts: [0], columns: 1, width: 29)
    #expect(sheet.tile == (16, 32))
    let picture = sheet.picture(of: volume.voxels, scale: GreyScale(low: 0, high: 63))
    // RAS: the patient's right, where columns start, is at the picture's left; the first row is at the foot.
    let left = (sheet.width - 2 - 16 + 1) / 2
    #expect(picture.width >= PixelLettering.width(PixelLettering.marking))
    #expect((0..<picture.width).filter { picture.pixels[$0] == 255 }.count == 2)
    #expect(abs((0..<picture.width).first { picture.pixels[$0] == 255 }! - left) <= 1)
  }

  @Test("the marking is written into the picture itself, below the cut")
  func marking() {
    let volume = testVolume([Float](repeating: 0, count: 200 * 8), columns: 200, rows: 8, slices: 1)
    let sheet = ContactSheet(ViewPlane(volume, normal: 2), cuts: [0], columns: 1, width: 200)
    let picture = sheet.picture(of: volume.voxels, scale: GreyScale(low: 0, high: 1))
    let lit = picture.pixels.indices.filter { picture.pixels[$0] > 0 }
    #expect(!lit.isEmpty && lit.allSatisfy { $0 / picture.width >= sheet.tile.height })
    // The R: a full stem of seven dots at its left.
    #expect(lit.count { $0 % picture.width == 3 } == 7)
  }

  @Test("round numbers for scales", arguments: [(0.7, 0.5, 1.0), (1, 1, 1), (3, 2, 5), (999, 500, 1000), (50, 50, 50)])
  func nice(value: Double, below: Double, above: Double) {
    #expect(abs(NiceNumber.atMost(value) - below) < 1e-9 && abs(NiceNumber.atLeast(value) - above) < 1e-9)
  }

  @Test("a histogram counts every value inside its range once, whole numbers in bins of whole width")
  func histogram() {
    let values = Tensor((0..<1000).map { Float($0) - 100 }, shape: [1, 1, 1, 1000])
    let histogram = Histogram([("a", "before", values)], low: 0, high: 499)
    #expect(histogram.series[0].counts.reduce(0, +) == 500)
    #expect(histogram.width == 6 && histogram.series[0].counts[..<83].allSatisfy { $0 == 6 })
    // Also where what was made of them has fractions, and up to the last value.
    let made = Tensor(values.values.map { $0 + 0.25 }, shape: values.shape)
    let both = Histogram([("a", "before", values), ("b", "after", made)], low: 0, high: 255)
    #expect(both.width == 3 && both.series[0].counts == Array(repeating: 3, count: 85) + [1])
    #expect(both.series[1].counts.reduce(0, +) == 255)
  }
}
