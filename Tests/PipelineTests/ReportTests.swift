import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Pipeline

@Suite("Report") struct ReportTests {
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
      for word in ["http:", "https:", "url(", "@import", "<link", "<iframe", "alert('x')", "\u{202E}", folder.path] {
        #expect(!page.contains(word), "the page contains \(word)")
      }
      #expect(page.contains("a&lt;script&gt;alert") && page.contains("pellucid run &#39;a b&#39; &lt;&amp;&gt;"))
      #expect(page.contains("not for diagnosis") && page.contains("type=\"range\""))
      // Every picture is there, each a PNG: three planes, two to compare; four strips each.
      #expect(page.components(separatedBy: "src=\"data:image/png;base64,iVBORw0KGgo").count - 1 == 3 * (2 + 4))
      for tag in ["style", "script"] {
        let text = try #require(page.firstRange(of: "<\(tag)>")).upperBound
        let end = try #require(page.range(of: "</\(tag)>", range: text..<page.endIndex)).lowerBound
        let hex = Array(ContentDigest.sha256(of: Data(page[text..<end].utf8)))
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(hex[$0...$0 + 1]), radix: 16) }
        #expect(page.contains("\(tag)-src 'sha256-\(Data(bytes).base64EncodedString())'"))
      }
    }
  }

  @Test("cuts are turned as radiologists look at them")
  func planes() throws {
    // Columns grow to the right, rows to anterior, slices to superior (RAS); the voxel's value is its index.
    let volume = testVolume((0..<10 * 9 * 8).map(Float.init), columns: 10, rows: 9, slices: 8, spacing: [1, 2, 3])
    let planes = ViewPlane.planes(of: volume)
    #expect(planes.map(\.name) == ["axial", "coronal", "sagittal"])
    #expect(planes.map(\.letters) == [["R", "L", "A", "P"], ["R", "L", "S", "I"], ["A", "P", "S", "I"]])
    #expect(planes.map(\.pixelSize) == [[1, 2], [1, 3], [2, 3]])
    let axial = planes[0].picture(of: volume.voxels, at: 0, scale: GreyScale(low: 0, high: 89))
    // Top left is the rightmost column of the most anterior row: the last index of the slice.
    #expect(axial.pixels.first == 255 && axial.pixels.last == 0 && axial.width == 10 && axial.height == 9)
    #expect(planes[0].displaySize(limit: 180) == (100, 180))
  }

  @Test("cuts are spread over what holds content")
  func cuts() {
    var values = [Float](repeating: 0, count: 8 * 8 * 12)
    for i in 8 * 8 * 4..<8 * 8 * 8 { values[i] = 10 }
    let volume = testVolume(values, columns: 8, rows: 8, slices: 12)
    let axial = ViewPlane.planes(of: volume)[0]
    #expect(axial.cuts(4, of: volume.voxels, above: 5) == [4, 5, 6, 7])
    #expect(axial.cuts(1, of: volume.voxels, above: 5) == [6])
    #expect(axial.cuts(5, of: volume.voxels, above: 99).count == 5)
  }

  @Test("resizing takes means of areas, and mosaics keep their tiles apart")
  func pictures() {
    let image = GreyImage(width: 4, height: 2, pixels: [0, 10, 20, 30, 40, 50, 60, 70])
    #expect(image.resized(width: 2, height: 1).pixels == [25, 45])
    #expect(image.resized(width: 8, height: 2).pixels[..<8] == [0, 0, 10, 10, 20, 20, 30, 30])
    let mosaic = GreyImage.mosaic([image, image], gap: 1)
    #expect(mosaic.width == 9 && mosaic.pixels[4] == 0 && mosaic.pixels[5...8] == [0, 10, 20, 30])
  }

  @Test(
    "figures: white noise has no autocorrelation, smooth structure has; mean and deviation are those of the residual")
  func numbers() throws {
    let noise = PhiloxRandomSource(seed: 2).normal(shape: [1, 4, 64, 64])
    let flat = Tensor(repeating: 100, shape: [1, 4, 64, 64])
    let white = ReportNumbers(before: .linearCombination([(1, flat), (5, noise)]), after: flat)
    #expect(abs(white.residualDeviation - 5) < 0.15 && abs(white.residualMean) < 0.2)
    #expect(abs(white.residualAutocorrelation) < 0.03)
    #expect(abs(white.noise[0] - 5) < 0.3 && white.noise[1] == 0)
    // Neighbouring slices of independent noise differ by √2 of its deviation.
    #expect(abs(try #require(white.interSlice)[0] - 5 * 2.0.squareRoot()) < 0.2)
    let wave = Tensor((0..<4 * 64 * 64).map { Float(sin(Double($0 % 64) / 8)) }, shape: [1, 4, 64, 64])
    #expect(ReportNumbers(before: wave, after: .linearCombination([(0, wave)])).residualAutocorrelation > 0.9)
  }
}
