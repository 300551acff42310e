import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Reports

/// Pages in a real browser.
///
/// Pictures of them are left in `.build/screenshots`, for people and for CI to keep.
@Suite("Pages in a browser", .serialized, .enabled(if: HeadlessBrowser.isExpected)) struct BrowserTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static var installed: Viewer { .find(besides: [root.appendingPathComponent("Workflows/models")]) }
  static let viewerIsExpected: Bool =
    BrowserTests.installed != .missing || ProcessInfo.processInfo.environment["TESTS_REQUIRE_BROWSER"] != nil

  private func write(_ page: ReportPage, _ folder: URL) throws -> URL {
    let url = folder.appendingPathComponent("report.html")
    try page.html().write(to: url)
    return url
  }

  /// Leaves a picture, or a printed sheet, where people and CI find it.
  static func keep(_ picture: Data, _ name: String) throws {
    let folder = root.appendingPathComponent(".build/screenshots")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try picture.write(to: folder.appendingPathComponent(name))
  }

  /// Nothing complains, nothing is asked for from outside, nothing is wider than the window, everything is named.
  private func expectSound(_ browser: HeadlessBrowser) throws {
    #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    let outside = browser.requests.filter { url in !["file:", "data:", "blob:"].contains { url.hasPrefix($0) } }
    #expect(outside.isEmpty && !browser.requests.isEmpty, "\(outside)")
    #expect(try browser.evaluate("document.documentElement.scrollWidth <= innerWidth") as? Bool == true)
    let unnamed = """
      [...document.querySelectorAll('img:not([alt]), input:not([aria-label]), svg:not([role]):not([aria-hidden]), button')]
        .filter(e => !(e.labels && e.labels.length) && !(e.tagName === 'BUTTON' && e.textContent.trim())).length
      """
    #expect(try browser.evaluate(unnamed) as? Int == 0)
    #expect(
      try browser.evaluate("[...document.images].every(i => i.loading === 'lazy' || i.naturalWidth > 0)") as? Bool
        == true)
    // The marking is in sight wherever the page is scrolled to.
    let sticks = """
      (scrollTo(0, 2000), (b => b.top >= 0 && b.height > 10 && b.top < 5)(document.querySelector('.banner').getBoundingClientRect()))
      """
    #expect(try browser.evaluate(sticks) as? Bool == true)
  }

  @Test("a case page is sound on a large screen and on a telephone, with an uncertainty map", arguments: [1280, 400])
  func casePage(width: Int) throws {
    try withTemporaryFolder { folder in
      let deviation = ball(columns: 64, rows: 60, slices: 24, noise: 1)
      let browser = try HeadlessBrowser()
      try browser.open(try write(testPage(deviation: deviation), folder), width: width, height: 900)
      try expectSound(browser)
      #expect(try browser.evaluate("document.querySelectorAll('.compare').length") as? Int == 4)
      try Self.keep(browser.screenshot(), "case-\(width).png")
    }
  }

  @Test("the divider follows the mouse in the cut under it, and the keys of the slider and of the page")
  func divider() throws {
    try withTemporaryFolder { folder in
      let browser = try HeadlessBrowser()
      try browser.open(try write(testPage(), folder), width: 1280, height: 900)
      let split = "parseFloat(getComputedStyle(document.querySelector('.compare .stage')).getPropertyValue('--split'))"
      let mask = "getComputedStyle(document.querySelector('.compare .second')).maskImage"
      let first = try #require(try browser.evaluate(mask) as? String)
      let half = try browser.screenshot(of: ".compare .stage")
      let stage = try browser.box(of: ".compare .stage")
      try browser.mouse("mousePressed", stage.x, stage.y)
      try browser.mouse("mouseMoved", stage.x + stage.width / 4, stage.y)
      try browser.mouse("mouseReleased", stage.x + stage.width / 4, stage.y)
      #expect(abs((try browser.evaluate(split) as? Double ?? 0) - 75) < 2)
      #expect(try browser.evaluate(mask) as? String != first)
      #expect(try browser.screenshot(of: ".compare .stage") != half)
      // Moving without a pressed button changes nothing.
      try browser.evaluate("document.querySelector('.compare input').value = 75")
      try browser.evaluate("document.querySelector('.compare input').focus()")
      let before = try #require(try browser.evaluate(split) as? Double)
      try browser.press("ArrowRight")
      #expect(try browser.evaluate(split) as? Double == before.rounded() + 1)
      for (key, value) in [("b", 100.0), ("a", 0), ("s", 50)] {
        try browser.press(key)
        #expect(try browser.evaluate(split) as? Double == value)
      }
      try browser.click("[data-split=\"0\"]")
      #expect(try browser.evaluate("document.querySelector('[data-split=\"0\"]').ariaPressed") as? String == "true")
      // In the second of four columns, the pointer leads that column's divider.
      let sheet = try browser.box(of: ".scroll .stage")
      let columns = try #require(
        try browser.evaluate("Number(document.querySelector('.scroll .stage').dataset.columns)") as? Double)
      #expect(columns > 1)
      let x = sheet.x - sheet.width / 2 + sheet.width / columns * 1.3
      try browser.mouse("mousePressed", x, sheet.y)
      try browser.mouse("mouseReleased", x, sheet.y)
      let sheetSplit = split.replacing("'.compare .stage'", with: "'.scroll .stage'")
      #expect(abs((try browser.evaluate(sheetSplit) as? Double ?? 0) - 30) < 2)
      #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }
  }

  @Test("without scripts, before and after stand beside each other and no control pretends to work")
  func withoutScripts() throws {
    try withTemporaryFolder { folder in
      let browser = try HeadlessBrowser()
      try browser.open(try write(testPage(viewer: Self.installed), folder), width: 1280, height: 900, scripts: false)
      let boxes = """
        [...document.querySelectorAll('.compare .stage')].map(s => [...s.querySelectorAll('img')].map(i => i.getBoundingClientRect()))
          .every(([a, b]) => a.width > 100 && b.width > 100 && (b.left >= a.right || b.top >= a.bottom))
        """
      #expect(try browser.evaluate(boxes) as? Bool == true)
      #expect(
        try browser.evaluate("[...document.querySelectorAll('input, button')].every(e => e.offsetParent === null)")
          as? Bool == true)
    }
  }

  @Test(
    "the viewer opens from a file, draws, shows the layers, and reads voxels in their unit",
    .enabled(if: BrowserTests.viewerIsExpected))
  func opensViewer() throws {
    try withTemporaryFolder { folder in
      let browser = try HeadlessBrowser()
      let url = try write(testPage(viewer: Self.installed), folder)
      #expect(try Data(contentsOf: url).count < 8_000_000)
      try browser.open(url, width: 1280, height: 900)
      try browser.click("#viewer-start")
      try browser.wait(until: "document.querySelector('#viewer').dataset.state !== undefined")
      #expect(try browser.evaluate("document.querySelector('#viewer').dataset.state") as? String == "open")
      let before = try picture(browser, folder).levels
      #expect(Set(before).count > 20, "the canvas is blank")
      try browser.click("[data-layer=\"residual\"]")
      let residual = try picture(browser, folder).levels
      #expect(residual != before)
      try browser.click("[data-layer=\"after\"]")
      #expect(try picture(browser, folder).levels != residual)
      try browser.click("#viewer-canvas")
      try browser.wait(until: "document.querySelector('#viewer-place').textContent.includes('HU')")
      let place = try #require(try browser.evaluate("document.querySelector('#viewer-place').textContent") as? String)
      #expect(place.contains(" mm: before ") && !place.contains("NaN"), "\(place)")
      try expectSound(browser)
      try Self.keep(browser.screenshot(), "viewer.png")
    }
  }

  @Test("the patient's right is at the left, in the pictures and in the viewer", .enabled(if: viewerIsExpected))
  func sides() throws {
    try withTemporaryFolder { folder in
      var before = testVolume([Float](repeating: 0, count: 1000), columns: 10, rows: 10, slices: 10)
      // RAS: the last columns are the patient's right.
      before.voxels = Tensor(
        (0..<64 * 64 * 8).map { $0 % 64 >= 40 ? 200 : -100 + Float($0 % 7) }, shape: [1, 8, 64, 64])
      let page = ReportPage(
        before: before, after: before.voxels, deviation: nil,
        numbers: ReportNumbers(before: before.voxels, after: before.voxels), manifest: try testManifest(), command: "",
        viewer: Self.installed)
      let browser = try HeadlessBrowser()
      try browser.open(try write(page, folder), width: 1280, height: 900)
      func isBrightAtTheLeft(_ selector: String) throws -> Bool {
        let (levels, width) = try picture(browser, folder, selector)
        let sums = [0, 1].map { side in
          levels.indices.reduce(Float(0)) { $0 + (2 * ($1 % width) / width == side ? levels[$1] : 0) }
        }
        return sums[0] > 1.5 * sums[1]
      }
      #expect(try isBrightAtTheLeft(".compare .stage"))
      try browser.click("#viewer-start")
      try browser.wait(until: "document.querySelector('#viewer').dataset.state !== undefined")
      try browser.click("[data-view=\"0\"]")
      #expect(try isBrightAtTheLeft("#viewer-canvas"))
      let letters = "[...document.querySelectorAll('.frame b')].map(b => b.textContent).join('')"
      #expect(try browser.evaluate(letters) as? String == "RLAP")
      try browser.click("[data-view=\"3\"]")
      #expect(try browser.evaluate(letters) as? String == "")
    }
  }

  /// Grey levels of an element, and its width.
  private func picture(
    _ browser: HeadlessBrowser, _ folder: URL, _ selector: String = "#viewer-canvas"
  ) throws -> (levels: [Float], width: Int) {
    let url = folder.appendingPathComponent("picture.png")
    try browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    try browser.screenshot(of: selector).write(to: url)
    var options = VolumeReadOptions()
    options.convertColour = true
    let read = try VolumeFile.read(url, options: options)
    return (read.voxels.withUnsafeBuffer(Array.init), read.columns)
  }

  @Test("a cohort page is sound, sorts, filters, and loads thumbnails from its folder", arguments: [1280, 400])
  func cohort(width: Int) throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 60, odd: 7)
      let thumbnail = try testPage().thumbnail()
      for id in ids { try thumbnail.write(to: folder.appendingPathComponent("cases/\(id)/thumbnail.png")) }
      try CohortReport.rebuild(
        results: folder, others: [CohortRow(caseID: "ffff000000000000", state: .quarantined, reason: "E-TRUNCATED")])
      let browser = try HeadlessBrowser()
      try browser.open(folder.appendingPathComponent("index.html"), width: width, height: 900)
      try expectSound(browser)
      try browser.evaluate("document.querySelector('.cases img').scrollIntoView()")
      try browser.wait(until: "document.querySelector('.cases img').naturalWidth > 0")
      try Self.keep(browser.screenshot(), "cohort-\(width).png")
      let column =
        "[...document.querySelectorAll('.cases tbody tr:not([hidden])')].map(r => r.cells[3].dataset.v ?? '')"
      try browser.evaluate("document.querySelectorAll('.cases thead button')[2].click()")
      let rising = try #require(try browser.evaluate(column) as? [String])
      let numbers = rising.dropLast().map { Double($0) ?? -1 }
      #expect(numbers == numbers.sorted() && rising.last == "")
      try browser.evaluate("document.querySelectorAll('.cases thead button')[2].click()")
      let falling = try #require(try browser.evaluate(column) as? [String])
      #expect(falling.first == "400" && falling.last == "")
      try browser.evaluate("document.querySelector('#attention').click()")
      #expect(try browser.evaluate("document.querySelector('#shown').textContent") as? String == "11 of 61 cases")
      try browser.evaluate(
        "(f => { f.value = 'trunc'; f.dispatchEvent(new Event('input')); })(document.querySelector('#find'))")
      #expect(try browser.evaluate("document.querySelector('#shown').textContent") as? String == "1 of 61 cases")
      #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }
  }
}
