//! Who are neighbours.

/// The relation between two data sets that a release must not tell apart. Sensitivities,
/// dominating pairs and amplification by sampling all depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Neighbours {
    /// One protected unit more or fewer.
    AddRemove,
    /// One protected unit changed; the number of units is public.
    Replace,
}
