import Foundation
import Provenance
import TensorCore
import TestSupport
import Testing

@testable import Reports

@Suite("Printed pages", .serialized, .enabled(if: HeadlessBrowser.isExpected)) struct PrintedPageTests {
  @Test(
    "printed, a case page is one sheet of A4 with banner, pictures, numbers and provenance, however much is to be said",
    arguments: [true, false])
  func printed(isPlain: Bool) throws {
    try withTemporaryFolder { folder in
      let flags = (0..<12).map {
        "W-ENVELOPE: remark \($0) of many, each of a length that fills most of a line of the page"
      }
      // A record as long as those of real runs.
      var long = try testManifest(sampler: "pfdiff-1_1")
      long.model.trainedOn = [String(repeating: "a scan and where it is from, ", count: 9)]
      long.parameters["labels"] = .list((0..<40).map { .integer(10 * $0) })
      long.inputs[0].sha256Voxels = String(repeating: "e", count: 64)
      long.outputs[0].sha256Voxels = String(repeating: "f", count: 64)
      let page =
        try isPlain
        ? testPage(columns: 128, rows: 128, slices: 24, manifest: long)
        : testPage(
          columns: 100, rows: 160, slices: 60, deviation: ball(columns: 100, rows: 160, slices: 60, noise: 1),
          manifest: try testManifest(flags: flags), command: String(repeating: "pellucid run in.nii.gz ", count: 40),
          viewer: BrowserTests.installed)
      let browser = try HeadlessBrowser()
      let url = folder.appendingPathComponent("report.html")
      try page.html().write(to: url)
      try browser.open(url, width: 1280, height: 900)
      let pdf = try browser.pdf()
      let text = String(decoding: pdf, as: UTF8.self)
      #expect(text.matches(of: /\/Type \/Page[^s]/).count == 1)
      // A4 in points.
      #expect(text.contains("/MediaBox [0 0 594.95996 841.91998]") || text.contains("/MediaBox [0 0 595 842]"))
      try BrowserTests.keep(pdf, isPlain ? "case.pdf" : "case-much.pdf")
      // What is on the sheet: the paper's style, at its width, with everything above its end.
      try browser.emulatePrint(width: 726, height: 1055)
      let places = """
        ['.banner', '.compare img', '.pictures .still img', '.keys', '.charts svg', '.line-rest', '.numbers', '.facts'].map(s => {
          const b = document.querySelector(s).getBoundingClientRect(); return b.height > 5 && b.width > 20 && b.top < 1030; })
        """
      #expect(try browser.evaluate(places) as? [Bool] == [Bool](repeating: true, count: 8))
      if isPlain {
        let end = "document.querySelector('pre:last-of-type').getBoundingClientRect().bottom"
        let sheet = "document.querySelector('main').getBoundingClientRect().bottom"
        #expect(try browser.evaluate("\(end) <= \(sheet)") as? Bool == true, "the record is cut off")
      }
      try BrowserTests.keep(browser.screenshot(), isPlain ? "case-printed.png" : "case-much-printed.png")
    }
  }
}
