//! Detects AVX2.

/// Proof that the processor has AVX2. Only [`Avx2::detect`] creates it. Functions compiled for AVX2
/// are marked `#[target_feature(enable = "avx2")]`, so calling them is `unsafe`; each has one safe
/// wrapper, which takes this proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Cheap: the standard library queries the processor once and remembers the answer.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}
