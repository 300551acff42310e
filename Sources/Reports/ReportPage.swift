public import Foundation
public import Provenance
public import TensorCore
public import Transforms
public import Volumes

/// One self-contained HTML page about a restoration: before, after, residual, figures, provenance.
public struct ReportPage {
  let before: Volume
  let after: Tensor
  let deviation: Tensor?
  let numbers: ReportNumbers
  let manifest: Manifest
  let command: String
  let unit: String
  let viewer: Viewer
  let plane: SlicingPlane?

  /// Bytes of pictures in a page, as base64: what keeps a page without viewer below 1.5 MB.
  private static let pictureBudget = 1_340_000
  /// Bytes of a page with viewer, and of all of it that is neither viewer nor its volumes.
  private static let viewerPageBudget = 8_000_000
  private static let plainPageBudget = 1_500_000
  private static let volumeBudget = 4_000_000

  /// A page from what it shows.
  ///
  /// `after` and `deviation` have the shape of `before.voxels`; `command` repeats the run, with base names for paths; the
  /// unit of the voxel values is the manifest's.
  /// `plane` is how the network saw it, which spectra follow; nil for as it is stored.
  /// `viewer` goes into the page together with volumes for it, coarser than the scan where that is needed.
  public init(
    before: Volume, after: Tensor, deviation: Tensor?, numbers: ReportNumbers, manifest: Manifest, command: String,
    viewer: Viewer = .off, plane: SlicingPlane? = nil
  ) {
    precondition(after.shape == before.voxels.shape && deviation.map { $0.shape == after.shape } ?? true)
    self.before = before
    self.after = after
    self.deviation = deviation
    self.numbers = numbers
    self.manifest = manifest
    self.command = command
    unit = manifest.qc.unit ?? "a.u."
    self.viewer = viewer
    self.plane = plane
  }

  /// The page as UTF-8; throws `VolumeError` where a picture cannot be made.
  public func html() throws -> Data {
    let residual = Tensor.linearCombination([(1, before.voxels), (-1, after)])
    let pictures = try CasePictures(
      before: before, after: after, deviation: deviation, residual: residual, unit: unit, budget: Self.pictureBudget)
    let texts = CaseTexts(manifest: manifest, unit: unit)
    let look = CaseFigures(pictures: pictures, unit: unit)
    let section = try viewerSection(residual, pictures.reach)
    let frame = PageFrame(
      title: "Pellucid report \(texts.caseName)", style: PageStyle.base + PageStyle.casePage,
      script: CompareScript.text + RatingForm.script + (section == nil ? "" : ViewerSection.script),
      carriesViewer: section != nil)
    func cut(_ voxels: Tensor) -> Tensor { plane?.arranged(voxels) ?? voxels }
    let spectrum = PowerSpectrum([cut(before.voxels), cut(residual)], inside: ObjectMask(cut(after)))
    let body = [
      head(texts), look.comparisons, look.residuals(residual, spectrum, numbers), look.deviations, figures,
      section?.html ?? (viewer == .missing ? ViewerSection.missing : ""),
      RatingForm(caseName: texts.caseName, subject: try CaseRating.subject(of: manifest)).html, record(texts),
    ]
    return frame.html(body.joined(separator: "\n"))
  }

  /// A small square picture of the result for lists, as PNG; throws `VolumeError` where it cannot be made.
  public func thumbnail() throws -> Data { try CasePictures.thumbnail(before, after, unit: unit) }

  // MARK: Sections

  private func head(_ texts: CaseTexts) -> String {
    let size =
      "\(before.columns) × \(before.rows) × \(before.slices) voxels"
      + (before.header.format == .png ? "" : " of \(before.spacing.map(short).joined(separator: " × ")) mm")
      + (before.frames > 1 ? ", \(before.frames) frames (the first is shown)" : "")
    let remarks = texts.remarks.map { "<li>\(escaped($0))</li>" }.joined()
    return """
      <svg class="hidden" aria-hidden="true">\(ColourMap.diverging.filter)\(ColourMap.ember.filter)</svg>
      <header><p class="eyebrow">Pellucid · restoration report</p><h1>Case \(escaped(texts.caseName))</h1>
      <p class="lead">\(escaped(size)) · \(escaped(texts.method))</p>
      <p class="hint">\(escaped(manifest.marking.text))</p></header>
      \(NumberTable(numbers: numbers, unit: unit).keys(envelope: manifest.qc.envelope))
      \(remarks.isEmpty ? "" : "<ul class=\"remarks alert\" aria-label=\"Remarks\">\(remarks)</ul>")
      """
  }

  private func viewerSection(_ residual: Tensor, _ reach: Float) throws -> ViewerSection? {
    guard case .program(let program) = viewer else { return nil }
    let scale = DisplayRange.of(before.voxels)
    let rest = Self.viewerPageBudget - Self.plainPageBudget - (program.count + 2) / 3 * 4
    let volumes = try ViewerVolumes(
      before: before, after: after, residual: residual, scale: scale, reach: reach, unit: unit,
      budget: min(Self.volumeBudget, rest))
    return ViewerSection(
      program: program, volumes: volumes, scale: scale, reach: reach, unit: unit,
      isOriented: before.header.format != .png)
  }

  private var figures: String {
    let scale = DisplayRange.of(before.voxels)
    let histogram = Histogram(
      [("before", "before", before.voxels), ("after", "after", after)], low: Double(scale.low), high: Double(scale.high)
    )
    return """
      <section><h2>Figures</h2>
      <div class="pair measures">\(histogram.svg(title: "Voxel values before and after", unit: unit))
      <div>\(NumberTable(numbers: numbers, unit: unit).html)</div></div></section>
      """
  }

  private func record(_ texts: CaseTexts) -> String {
    """
    <section><h2>Provenance</h2>\(htmlTable(texts.provenance))
    <h3>Repeat this run</h3><pre>\(escaped(command))</pre>
    <h3>Cite</h3><pre>\(escaped(lines: texts.citation))</pre></section>
    """
  }
}
