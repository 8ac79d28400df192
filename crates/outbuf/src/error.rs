//! [`Error`].

/// A setting that is not valid. The texts are those that servers answer to CONFIG SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The words of `client-output-buffer-limit` do not come in fours.
    #[error("Wrong number of arguments in buffer limit configuration.")]
    WordCount,
    /// There is no such class.
    #[error("Invalid client class specified in buffer limit configuration.")]
    UnknownClass,
    /// A size or the seconds of a class cannot be read.
    #[error("Error in hard, soft or soft_seconds setting in buffer limit configuration.")]
    ClassLimits,
    /// A percentage above 100.
    #[error("percentage argument must be less or equal to 100")]
    Percentage,
    /// Neither a size nor a percentage.
    #[error("argument must be a memory or percent value")]
    MemoryOrPercent,
}
