import Foundation

/// All cases as a table for other programs: `cohort.tsv`, and `cohort.json` that says what its columns are, in the form
/// that BIDS gives to `participants.tsv` and `participants.json`.
struct CohortTable {
  let rows: [CohortRow]
  let outliers: CohortOutliers

  /// One column: its name, what it says, and the text of a row.
  private struct Column: Sendable {
    let name: String
    let description: String
    var units = Units.none
    var levels: [String: String]?
    let text: @Sendable (CohortRow, [String: Double]) -> String?
  }

  /// What a column's numbers are counted in.
  private enum Units: Sendable {
    case none
    case named(String)
    /// That of the voxel values, which each row names.
    case intensity
  }

  private static let columns: [Column] =
    [
      Column(name: "case_id", description: "Name of the case: the first 16 digits of its job key") { row, _ in
        row.caseID
      },
      Column(
        name: "state", description: "How the case stands",
        levels: [
          "done": "a committed result", "failed": "it was tried and failed",
          "quarantined": "set aside for a person to look at",
        ]
      ) { row, _ in row.state.rawValue },
      Column(name: "reason", description: "Why the case is not done, as a code") { row, _ in row.reason },
      Column(name: "model", description: "Name and version of the model") { row, _ in row.model },
      Column(name: "sampler", description: "How the model was sampled") { row, _ in row.sampler },
    ]
    + [
      Column(
        name: "unit", description: "Unit of the voxel values and of the figures about them",
        levels: ["HU": "Hounsfield units", "a.u.": "arbitrary, the image's own"]
      ) { row, _ in row.unit }
    ]
    + QualityFigure.all.map { figure in
      Column(
        name: figure.column, description: figure.description,
        units: figure.isIntensity ? .intensity : .named("1")
      ) { row, _ in row.metrics[figure.metric].map(number) }
    }
    + [
      Column(name: "seconds", description: "Time from start to end", units: .named("s")) { row, _ in
        row.seconds.map(number)
      },
      Column(name: "remarks", description: "Codes of the remarks on the case, separated by commas") { row, _ in
        row.remarks.isEmpty ? nil : row.remarks.joined(separator: ",")
      },
      Column(
        name: "outliers",
        description:
          "Columns whose value is far from those of cases of the same model and sampler: robust z (median, MAD) beyond 3.5"
      ) { _, marks in
        let names = QualityFigure.all.filter { marks[$0.metric] != nil }.map(\.column)
        return names.isEmpty ? nil : names.joined(separator: ",")
      },
      Column(
        name: "rating", description: "What a person thought of the result; the latest of the ratings",
        levels: ["accept": "to be used", "exclude": "not to be used", "uncertain": "to be looked at again"]
      ) { row, _ in row.ratings.last?.rating.rawValue },
      Column(name: "rating_artefacts", description: "What was seen in the result, separated by commas") { row, _ in
        row.ratings.last?.artefacts.map(\.rawValue).joined(separator: ",")
      },
      Column(name: "rating_notes", description: "The rater's own words") { row, _ in
        // A spreadsheet takes a text that starts so for a formula, and would compute it.
        row.ratings.last.map { $0.notes.first.map("=+-@".contains) == true ? "'\($0.notes)" : $0.notes }
      },
      Column(name: "rating_time", description: "When that was, UTC") { row, _ in row.ratings.last?.time },
      Column(name: "ratings", description: "How many ratings there are of this result", units: .named("1")) { row, _ in
        row.ratings.isEmpty ? nil : String(row.ratings.count)
      },
      Column(
        name: "image",
        description: "The result, relative to this folder; under its BIDS name where it has one, the first of several"
      ) { row, _ in row.images.first },
      Column(name: "report", description: "Page of the case, relative to this folder") { row, _ in row.page },
    ]

  /// One line per case after the line of names; `n/a` where there is no value.
  var tsv: Data {
    var lines = [Self.columns.map(\.name).joined(separator: "\t")]
    for (row, marks) in zip(rows, outliers.marks) {
      lines.append(Self.columns.map { Self.cell($0.text(row, marks)) }.joined(separator: "\t"))
    }
    return Data((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// The descriptions of the columns.
  var descriptions: Data {
    get throws {
      let named = Set(rows.compactMap(\.unit))
      let intensity = named.count == 1 ? named.first ?? "" : "the row's: see the column unit"
      var out: [String: [String: JSONText]] = [:]
      for column in Self.columns {
        var entry: [String: JSONText] = ["Description": .text(column.description)]
        switch column.units {
        case .none: break
        case .named(let name): entry["Units"] = .text(name)
        case .intensity: entry["Units"] = .text(intensity)
        }
        if let levels = column.levels { entry["Levels"] = .map(levels) }
        out[column.name] = entry
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      return try encoder.encode(out) + Data("\n".utf8)
    }
  }

  /// A text or a map of texts.
  private enum JSONText: Encodable {
    case text(String)
    case map([String: String])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .map(let map): try container.encode(map)
      }
    }
  }

  private static func number(_ value: Double) -> String { String(format: "%.6g", value == 0 ? 0 : value) }

  /// No value may end a cell or a line.
  private static func cell(_ text: String?) -> String {
    guard let text, !text.isEmpty else { return "n/a" }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
  }
}
