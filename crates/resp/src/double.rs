//! Doubles in text, printed as Redis prints them.

/// Where a double is printed; on the stack, and long enough for any.
#[derive(Clone, Debug)]
pub struct DoubleBuffer {
    bytes: [u8; Self::LEN],
}

impl DoubleBuffer {
    const LEN: usize = 40;

    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; Self::LEN] }
    }
}

impl Default for DoubleBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// A double as Redis from 7.2 on and Valkey print it: the shortest text that reads back as the same
/// double.
#[must_use]
pub fn format_double(value: f64, buffer: &mut DoubleBuffer) -> &str {
    write_into(buffer, format_args!("{value}"))
}

/// A double as Redis up to 7.0 prints it: C's `%.17g`.
#[must_use]
pub fn format_double_17g(value: f64, buffer: &mut DoubleBuffer) -> &str {
    write_into(buffer, format_args!("{value:.16e}"))
}

fn write_into<'a>(buffer: &'a mut DoubleBuffer, text: std::fmt::Arguments<'_>) -> &'a str {
    use std::io::Write;
    let mut rest = &mut buffer.bytes[..];
    let _ = rest.write_fmt(text);
    let len = DoubleBuffer::LEN - rest.len();
    std::str::from_utf8(&buffer.bytes[..len]).unwrap_or_default()
}
