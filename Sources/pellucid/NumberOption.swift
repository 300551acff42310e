import ArgumentParser

// Options that take a number: one that is none, or lies outside the range, is refused in one line that names the range.
// What follows such an option is its value even where it begins with a dash, so that -1 is refused for what it is.

extension Option where Value: FixedWidthInteger & Sendable {
  /// A whole number within a range, with a default.
  init(wrappedValue: Value, within range: ClosedRange<Value>, help: ArgumentHelp) {
    // Help text leaves out the defaults of options that are read by a closure.
    var help = help
    help.abstract += " (default: \(wrappedValue))"
    self.init(wrappedValue: wrappedValue, parsing: .unconditional, help: help, transform: Number.whole(range))
  }

  /// A whole number within a range that must be given.
  init(within range: ClosedRange<Value>, help: ArgumentHelp) {
    self.init(parsing: .unconditional, help: help, transform: Number.whole(range))
  }
}

extension Option {
  /// A whole number within a range that may be left out.
  init<T: FixedWidthInteger & Sendable>(
    name: NameSpecification = .long, within range: ClosedRange<T>, help: ArgumentHelp
  ) where Value == T? {
    self.init(name: name, parsing: .unconditional, help: help, transform: Number.whole(range))
  }

  /// A number that may be left out; which ones make sense is for its user to say.
  init(decimal help: ArgumentHelp) where Value == Double? {
    self.init(parsing: .unconditional, help: help, transform: Number.decimal)
  }
}

/// Numbers in words.
private enum Number {
  static func whole<T: FixedWidthInteger & Sendable>(_ range: ClosedRange<T>) -> @Sendable (String) throws -> T {
    { text in
      guard let number = T(text), range.contains(number) else {
        throw ValidationError("it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
  }

  static func decimal(_ text: String) throws -> Double {
    guard let number = Double(text), number.isFinite else {
      throw ValidationError("it must be a number, such as 0.25 or 1e5")
    }
    return number
  }
}

/// Numbers of threads that can be asked for; 0 is one per processor.
let threadCounts = 0...4096
