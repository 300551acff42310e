import Foundation
import TensorCore
import Testing
import Volumes

@testable import Reports

@Suite("Report") struct ReportTests {
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

  @Test("resizing takes means of areas, and enlarging repeats pixels")
  func pictures() {
    let image = GreyImage(width: 4, height: 2, pixels: [0, 10, 20, 30, 40, 50, 60, 70])
    #expect(image.resized(width: 2, height: 1).pixels == [25, 45])
    #expect(image.resized(width: 8, height: 2).pixels[..<8] == [0, 0, 10, 10, 20, 20, 30, 30])
  }

  @Test(
    "figures: white noise has no autocorrelation, smooth structure has; mean and deviation are those of the residual")
  func numbers() throws {
    let noise = PhiloxRandomSource(seed: 2).normal(shape: [1, 4, 64, 64])
    let flat = Tensor(repeating: 100, shape: [1, 4, 64, 64])
    let faint = ReportNumbers(before: .linearCombination([(1e-19, noise)]), after: noise)
    #expect(NumberTable(numbers: faint, unit: "").html.contains("ten-thousandfold"))
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
