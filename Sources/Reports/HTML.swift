import DurableFiles
import Foundation

/// Text as it may stand in HTML, in attributes too; control characters and direction marks are spelled out.
func escaped(_ text: String) -> String {
  var out = ""
  // By scalars: a quotation mark with an accent on it is one character, and still ends an attribute.
  for scalar in FileError.printable(text).unicodeScalars {
    switch scalar {
    case "&": out += "&amp;"
    case "<": out += "&lt;"
    case ">": out += "&gt;"
    case "\"": out += "&quot;"
    case "'": out += "&#39;"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out
}

/// Text of several lines as it may stand in HTML.
func escaped(lines text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { escaped(String($0)) }.joined(separator: "\n")
}

/// The frame that all pages share: policy, banner, style, script.
///
/// Built by hand rather than with a template engine: two pages, and every text goes through `escaped`. A page asks for
/// nothing from outside; its policy forbids all but its own style, script and pictures.
struct PageFrame {
  let title: String
  let style: String
  let script: String
  /// Sources of pictures besides the page itself.
  var pictures = "data:"
  /// Whether the page's script may start the viewer that the page carries, and the viewer make pictures.
  var carriesViewer = false

  /// The page as UTF-8.
  func html(_ body: String) -> Data {
    let more = carriesViewer ? " blob:" : ""
    let policy =
      "default-src 'none'; base-uri 'none'; form-action 'none'; img-src \(pictures)\(more); "
      + "style-src '\(Self.source(style))'; script-src '\(Self.source(script))'\(more)"
    let page = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="\(policy)">
      <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
      <title>\(escaped(title))</title>
      <style>\(style)</style></head><body>
      <p class="banner" role="note">Research use only · not for diagnosis</p>
      <main>
      \(body)
      </main>
      <script>\(script)</script></body></html>

      """
    return Data(page.utf8)
  }

  /// How a content security policy names a fixed text: by its SHA-256 in base64.
  private static func source(_ text: String) -> String {
    let hex = Array(ContentDigest.sha256(of: Data(text.utf8)))
    let bytes = stride(from: 0, to: hex.count, by: 2).map { UInt8(String(hex[$0...$0 + 1]), radix: 16)! }
    return "sha256-" + Data(bytes).base64EncodedString()
  }
}

/// A table whose first column names its rows.
func htmlTable(header: [String]? = nil, _ rows: [[String]], class name: String = "facts") -> String {
  let head =
    header.map { "<thead><tr>" + $0.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined() + "</tr></thead>" } ?? ""
  let body = rows.map { row in
    "<tr><th scope=\"row\">\(escaped(row[0]))</th>" + row.dropFirst().map { "<td>\(escaped($0))</td>" }.joined()
      + "</tr>"
  }
  return "<table class=\"\(name)\">\(head)<tbody>\(body.joined(separator: "\n"))</tbody></table>"
}

/// A number with four significant digits, with a true minus sign.
func short(_ value: Double) -> String {
  String(format: "%.4g", value == 0 ? 0 : value).replacing("-", with: "−")
}

/// A number for a glance: three significant digits, all of those before the point.
func brief(_ value: Double) -> String {
  String(format: abs(value) >= 100 ? "%.0f" : "%.3g", value == 0 ? 0 : value).replacing("-", with: "−")
}

/// A number with its unit.
func quantity(_ value: Double, _ unit: String) -> String { "\(short(value)) \(unit)" }
