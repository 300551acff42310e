import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Reports

@Suite("Viewer") struct ViewerTests {
  @Test("the file is looked for beside the models' folders; another program than the known one is passed over")
  func find() throws {
    try withTemporaryFolder { folder in
      let models = ["a/models", "b/models"].map { folder.appendingPathComponent($0) }
      #expect(Viewer.find(besides: models) == .missing)
      let place = folder.appendingPathComponent("a/viewer")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let file = place.appendingPathComponent("niivue.js.gz")
      try GzipData.compressed(Data("export {}".utf8)).write(to: file)
      #expect(Viewer.find(besides: models) == .missing)
      try Data("no gzip".utf8).write(to: file)
      #expect(Viewer.find(besides: models) == .missing)
    }
  }

  @Test(
    "the installed file is the known program, and still exports the viewer's class",
    .enabled(if: BrowserTests.viewerIsExpected))
  func installed() throws {
    guard case .program(let data) = BrowserTests.installed else {
      Issue.record("no viewer in Workflows/viewer; `make viewer` makes it")
      return
    }
    let text = String(decoding: try #require(GzipData.inflated(data, limit: 16 << 20)), as: UTF8.self)
    #expect(text.suffix(60).contains(" as Niivue}"))
  }

  @Test("a page without its viewer says so in one line, and one that was not asked for says nothing")
  func missing() throws {
    let page = String(decoding: try testPage(viewer: .missing).html(), as: UTF8.self)
    #expect(page.contains("made without the interactive viewer") && !page.contains("id=\"viewer\""))
    #expect(!page.contains("blob:"))
    #expect(try !String(decoding: testPage().html(), as: UTF8.self).contains("interactive viewer"))
  }

  @Test("a page carries its viewer and volumes within 8 MB, coarser and marked so where they are too large")
  func budget() throws {
    let program = Data((0..<1_600_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
    let html = try testPage(
      columns: 192, rows: 192, slices: 96, spacing: [1, 1, 2], noise: 3000, viewer: .program(program)
    ).html()
    #expect(html.count < 8_000_000 && html.count > 4_000_000)
    let page = String(decoding: html, as: UTF8.self)
    // Not `#expect(page.contains…)`: a failure would print the page.
    let (isMarked, isCarried) = (page.contains("coarser than the scan"), page.contains(program.base64EncodedString()))
    #expect(isMarked && isCarried)
  }

  @Test("small volumes are carried voxel by voxel and come back in their unit and place")
  func volumes() throws {
    let volume = testVolume((0..<6 * 5 * 4).map { Float($0) - 60 }, columns: 6, rows: 5, slices: 4, spacing: [1, 2, 3])
    let half: Tensor = .linearCombination([(0.5, volume.voxels)])
    let packed = try ViewerVolumes(
      before: volume, after: half, residual: half, scale: GreyScale(low: -60, high: 60), reach: 40, unit: "HU",
      budget: 100_000)
    #expect(packed.factors == [1, 1, 1] && packed.layers.map(\.name) == ["before", "after", "residual"])
    try withTemporaryFolder { folder in
      let read = try packed.layers.map { layer in
        let url = folder.appendingPathComponent("\(layer.name).nii.gz")
        try #require(Data(base64Encoded: layer.base64)).write(to: url)
        return try VolumeFile.read(url)
      }
      #expect(read[0].voxels == volume.voxels && read[0].affine == volume.affine)
      // Whole hounsfield units; the residual in 255 steps of its range.
      let errors = zip(read[1...], [0.5, 40.0 / 254]).map { volume, limit in
        volume.voxels.withUnsafeBuffer { a in half.withUnsafeBuffer { b in zip(a, b).map { abs($0 - $1) }.max()! } }
          <= Float(limit) * 1.001
      }
      #expect(errors == [true, true])
    }
  }

  @Test("a coarser grid keeps the finest axes coarse first, means over whole blocks, and the place of their middle")
  func grid() {
    let volume = testVolume((0..<5 * 4 * 2).map(Float.init), columns: 5, rows: 4, slices: 2, spacing: [1, 1, 4])
    let grid = ViewerVolumes.Grid(volume, voxels: 12)
    #expect(grid.factors == [2, 2, 1] && grid.extents == [3, 2, 2])
    let small = grid.volume(volume.voxels)
    // Blocks of 2 × 2 are means of four; the last column has one voxel in each row.
    #expect(small.voxels.withUnsafeBuffer { Array($0.prefix(3)) } == [3, 5, 6.5])
    #expect(small.affine.rows == [[2, 0, 0, 0.5], [0, 2, 0, 0.5], [0, 0, 4, 0]])
  }

  @Test("gzip: what goes in comes out, damage and too much are noticed")
  func gzip() {
    let data = Data((0..<5000).map { UInt8($0 % 251) })
    let packed = GzipData.compressed(data)
    #expect(GzipData.inflated(packed, limit: 5000) == data && GzipData.inflated(packed, limit: 4999) == nil)
    var damaged = packed
    damaged[packed.count - 6] ^= 1
    #expect(GzipData.inflated(damaged, limit: 5000) == nil && GzipData.inflated(packed.dropLast(), limit: 5000) == nil)
  }
}
