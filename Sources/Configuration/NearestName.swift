/// The name that was likely meant.
enum NearestName {
  /// Of `names`, the one with the smallest edit distance to `name`, case aside; empty when there are none.
  static func nearest(to name: String, in names: [String]) -> String {
    let typed = String(name.prefix(64))
    return names.min { (distance(typed, $0), $0) < (distance(typed, $1), $1) } ?? ""
  }

  /// Letters to be put in, taken out or exchanged.
  static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.lowercased()), b = Array(b.lowercased())
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
