//! Chance is given, not taken: ids, nonces, keys and jitter come from an [`Entropy`].

use std::fmt::Debug;

/// The source of random bytes.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);

    /// A random id of `bytes` random bytes in lower-case hex.
    fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.fill(&mut buffer);
        buffer.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// A number in `0.0..1.0`, for jitter.
    fn unit(&self) -> f64 {
        let mut buffer = [0; 8];
        self.fill(&mut buffer);
        (u64::from_le_bytes(buffer) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system for chance")]
    fn fill(&self, buffer: &mut [u8]) {
        rand::fill(buffer);
    }
}
