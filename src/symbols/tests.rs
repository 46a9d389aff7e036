//! Looks up the addresses of real programs, built in every kind of profile, and of this one.

/// What the lookup costs, and whose memory it takes.
mod cost;
/// Frames of a real program in every profile.
mod every_profile;
/// Builds programs, and understands what they print.
mod programs;
/// A program whose file was replaced.
mod replaced;
/// Whole lines, from addresses to what is printed.
mod whole_lines;
