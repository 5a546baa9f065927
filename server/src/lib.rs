//! Hark
