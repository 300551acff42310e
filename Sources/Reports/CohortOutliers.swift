import Foundation

/// Which figures of which cases stand out from those of their kind.
///
/// The robust z of Iglewicz and Hoaglin (1993): 0.6745 (x − median) / MAD, an outlier beyond 3.5. Cases are compared with
/// those of the same model, sampler and unit only; fewer than eight of them say nothing.
struct CohortOutliers {
  /// The greatest magnitude that is not remarkable.
  static let limit = 3.5
  private static let fewest = 8

  /// For each row, robust z by metric where it is beyond the limit.
  let marks: [[String: Double]]

  init(_ rows: [CohortRow]) {
    var marks = [[String: Double]](repeating: [:], count: rows.count)
    let groups = Dictionary(grouping: rows.indices.filter { rows[$0].state == .done }) {
      "\(rows[$0].model ?? "")\u{0}\(rows[$0].sampler ?? "")\u{0}\(rows[$0].unit ?? "")"
    }
    for group in groups.values {
      for figure in QualityFigure.all {
        let members = group.filter { rows[$0].metrics[figure.metric] != nil }
        let values = members.compactMap { rows[$0].metrics[figure.metric] }
        for (index, z) in zip(members, Self.robustZ(values)) where abs(z) > Self.limit {
          marks[index][figure.metric] = z
        }
      }
    }
    self.marks = marks
  }

  /// The robust z of each value; all 0 where there are too few, or where more than half are equal.
  static func robustZ(_ values: [Double]) -> [Double] {
    guard values.count >= fewest else { return values.map { _ in 0 } }
    let centre = median(values)
    let spread = median(values.map { abs($0 - centre) })
    guard spread > 0 else { return values.map { _ in 0 } }
    return values.map { 0.6745 * ($0 - centre) / spread }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
