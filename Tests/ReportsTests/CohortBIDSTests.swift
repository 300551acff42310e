import Foundation
import Provenance
import TestSupport
import Testing

@testable import Reports

@Suite("Cohort of a BIDS dataset") struct CohortBIDSTests {
  /// Gives a case's image a BIDS name, as the queue does: a hard link, or after copying a file of its own.
  private func publish(_ id: String, _ results: URL, as stem: String, isCopy: Bool = false) throws {
    let url = results.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))/\(id).json")
    var manifest = try Manifest.read(url)
    manifest.jobKey = id + String(repeating: "0", count: 48)
    try manifest.encoded().write(to: url)
    let image = results.appendingPathComponent("cases/\(id)/out.nii.gz")
    try Data("image".utf8).write(to: image)
    let target = results.appendingPathComponent(stem + ".nii.gz")
    try FileManager.default.createDirectory(
      at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    if isCopy {
      try FileManager.default.copyItem(at: image, to: target)
    } else {
      try FileManager.default.linkItem(at: image, to: target)
    }
    try manifest.bidsSidecar().write(to: results.appendingPathComponent(stem + ".json"))
  }

  private func table(_ results: URL) throws -> [String: [String: String]] {
    let text = try String(contentsOf: results.appendingPathComponent("cohort.tsv"), encoding: .utf8)
    let lines = text.split(separator: "\n").map { $0.components(separatedBy: "\t") }
    return Dictionary(
      uniqueKeysWithValues: lines.dropFirst().map { ($0[0], Dictionary(uniqueKeysWithValues: zip(lines[0], $0))) })
  }

  @Test("rows lead to the images under their BIDS names, linked or copied; other cases to their own")
  func rows() throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 4)
      try publish(ids[0], folder, as: "sub-01/anat/sub-01_desc-denoised_T1w")
      try publish(ids[1], folder, as: "sub-02/ses-2/anat/sub-02_ses-2_desc-denoised_T2w", isCopy: true)
      // One content at two places of the dataset: two names, one row.
      try publish(ids[0], folder, as: "sub-03/anat/sub-03_desc-denoised_T1w")
      try Data("x".utf8).write(to: folder.appendingPathComponent("cases/\(ids[2])/out.nii.gz"))
      try CohortReport.rebuild(results: folder)
      let rows = try table(folder)
      #expect(rows.count == 4)
      #expect(rows[ids[0]]?["image"] == "sub-01/anat/sub-01_desc-denoised_T1w.nii.gz")
      #expect(rows[ids[1]]?["image"] == "sub-02/ses-2/anat/sub-02_ses-2_desc-denoised_T2w.nii.gz")
      #expect(rows[ids[2]]?["image"] == "cases/\(ids[2])/out.nii.gz" && rows[ids[3]]?["image"] == "n/a")
      #expect(rows[ids[0]]?["report"] == "cases/\(ids[0])/report.html")
      let page = try String(contentsOf: folder.appendingPathComponent("index.html"), encoding: .utf8)
      for path in [
        "sub-01/anat/sub-01_desc-denoised_T1w", "sub-02/ses-2/anat/sub-02_ses-2_desc-denoised_T2w",
        "sub-03/anat/sub-03_desc-denoised_T1w",
      ] {
        let name = path.split(separator: "/").last ?? ""
        #expect(page.contains("<a href=\"./\(path).nii.gz\">\(name)</a>"), "\(path)")
      }
    }
  }

  @Test("what is no sidecar of ours, has no image, or lies behind a link gives no name")
  func strangers() throws {
    try withTemporaryFolder { folder in
      let results = folder.appendingPathComponent("results")
      let ids = try makeResults(results, count: 3)
      try publish(ids[0], results, as: "sub-01/anat/sub-01_desc-denoised_T1w")
      try FileManager.default.removeItem(
        at: results.appendingPathComponent("sub-01/anat/sub-01_desc-denoised_T1w.nii.gz"))
      try publish(ids[1], results, as: "derivatives/sub-02/anat/sub-02_T1w")
      let anat = results.appendingPathComponent("sub-01/anat")
      for (name, text) in [("a.json", "{"), ("b.json", "{\"PellucidJobKey\": 7}"), ("c.json", "{}")] {
        try Data(text.utf8).write(to: anat.appendingPathComponent(name))
        try Data().write(to: anat.appendingPathComponent(name.replacing(".json", with: ".nii.gz")))
      }
      try publish(ids[2], results, as: "elsewhere/anat/sub-04_desc-denoised_T1w")
      try FileManager.default.createSymbolicLink(
        at: results.appendingPathComponent("sub-04"), withDestinationURL: results.appendingPathComponent("elsewhere"))
      #expect(BIDSImages.paths(in: results).isEmpty)
    }
  }

  @Test(
    "in a browser, links and thumbnails of such a tree lead to files that are there",
    .enabled(if: HeadlessBrowser.isExpected))
  func links() throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 3)
      for (number, id) in ids.enumerated() {
        try publish(id, folder, as: "sub-0\(number)/anat/sub-0\(number)_desc-denoised_T1w")
        try testPage().thumbnail().write(to: folder.appendingPathComponent("cases/\(id)/thumbnail.png"))
      }
      try CohortReport.rebuild(results: folder)
      let browser = try HeadlessBrowser()
      try browser.open(folder.appendingPathComponent("index.html"), width: 1280, height: 900)
      try browser.evaluate("document.querySelector('.cases').scrollIntoView()")
      try browser.wait(until: "[...document.querySelectorAll('.cases img')].every(i => i.naturalWidth === 96)")
      let links = try browser.evaluate("[...document.querySelectorAll('.cases a')].map(a => a.href)") as? [String] ?? []
      #expect(links.count == 6)
      for link in links {
        #expect(FileManager.default.fileExists(atPath: try #require(URL(string: link)).path), "\(link)")
      }
      try browser.evaluate(
        "(f => { f.value = 'sub-01_'; f.dispatchEvent(new Event('input')); })(document.querySelector('#find'))")
      #expect(try browser.evaluate("document.querySelector('#shown').textContent") as? String == "1 of 3 cases")
      #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }
  }
}
