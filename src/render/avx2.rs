//! AVX2: whether this processor has it.

/// Proof that the processor has AVX2: [`Avx2::detect`] is the only way to one. What is compiled for
/// AVX2 is marked `#[target_feature(enable = "avx2")]`, which makes calling it `unsafe`; the one
/// safe function around it asks for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The standard library asks the processor once and remembers.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}
