import DurableFiles
import Foundation
import Pipeline
import Provenance
import TensorCore
import TestSupport
import Testing
import Volumes

@Suite("Report of a run") struct ReportFileTests {
  @Test("the page is one file that asks for nothing, small, and lets only its own style and script run")
  func selfContained() throws {
    try withTemporaryFolder { folder in
      let name = "a<script>alert('x')</script>&\u{202E}.nii.gz"
      try VolumeFile.write(
        testVolume(scrambled(24 * 20 * 9), columns: 24, rows: 20, slices: 9),
        to: folder.appendingPathComponent("in.nii"))
      var request = RunRequest(
        input: folder.appendingPathComponent("in.nii"),
        output: folder.appendingPathComponent(String(name.replacing("/", with: "_"))),
        model: try tinyModel(tinyCard()), options: SamplingOptions(steps: 1, samples: 2), report: true,
        command: "pellucid run 'a b' <&>")
      request.report = true
      _ = try ImageToImagePipeline(request).run()
      let page = String(decoding: try Data(contentsOf: request.reportURL), as: UTF8.self)
      #expect(page.utf8.count < 1_500_000)
      for word in [
        "http:", "https:", "url(h", "url(d", "@import", "<link", "<iframe", "alert('x')", "\u{202E}", folder.path,
      ] {
        #expect(!page.contains(word), "the page contains \(word)")
      }
      #expect(page.contains("a&lt;script&gt;alert") && page.contains("pellucid run &#39;a b&#39; &lt;&amp;&gt;"))
      #expect(page.contains("not for diagnosis") && page.contains("type=\"range\""))
      // Every picture is there, each a PNG: one large cut and three planes; before, after, residual, deviation of each.
      #expect(page.components(separatedBy: "src=\"data:image/png;base64,iVBORw0KGgo").count - 1 == 4 * 4)
      for tag in ["style", "script"] {
        let text = try #require(page.firstRange(of: "<\(tag)>")).upperBound
        let end = try #require(page.range(of: "</\(tag)>", range: text..<page.endIndex)).lowerBound
        let hex = Array(ContentDigest.sha256(of: Data(page[text..<end].utf8)))
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(hex[$0...$0 + 1]), radix: 16) }
        #expect(page.contains("\(tag)-src 'sha256-\(Data(bytes).base64EncodedString())'"))
      }
    }
  }

  @Test("the spectrum is of the slices that the network saw, however they are stored")
  func spectrum() throws {
    try withTemporaryFolder { folder in
      // Six thick slices along the columns: what is stored as a slice is too narrow for a spectrum.
      try VolumeFile.write(
        testVolume(scrambled(6 * 24 * 20), columns: 6, rows: 24, slices: 20, spacing: [5, 0.8, 0.8]),
        to: folder.appendingPathComponent("in.nii"))
      let request = RunRequest(
        input: folder.appendingPathComponent("in.nii"), output: folder.appendingPathComponent("out.nii"),
        model: try tinyModel(tinyCard()), options: SamplingOptions(steps: 1), report: true)
      _ = try ImageToImagePipeline(request).run()
      #expect(String(decoding: try Data(contentsOf: request.reportURL), as: UTF8.self).contains("Power spectrum"))
    }
  }

  @Test("a small picture is made where it is asked for, listed in the manifest, with or without a report")
  func thumbnail() throws {
    try withTemporaryFolder { folder in
      try VolumeFile.write(
        testVolume(scrambled(24 * 20 * 9), columns: 24, rows: 20, slices: 9),
        to: folder.appendingPathComponent("in.nii"))
      var request = RunRequest(
        input: folder.appendingPathComponent("in.nii"), output: folder.appendingPathComponent("out.nii"),
        model: try tinyModel(tinyCard()), options: SamplingOptions(steps: 1))
      request.thumbnail = folder.appendingPathComponent("thumbnail.png")
      guard case .committed(let manifest) = try ImageToImagePipeline(request).run() else {
        Issue.record("nothing was computed")
        return
      }
      #expect(try manifest.verify(in: folder).isIntact && manifest.outputs.map(\.role) == ["image", "thumbnail"])
      #expect(try VolumeFile.read(folder.appendingPathComponent("thumbnail.png")).voxels.shape == [1, 1, 96, 96])
    }
  }
}
