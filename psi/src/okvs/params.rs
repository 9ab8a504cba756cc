//! How large a store must be.

/// Sizes of a store for a number of keys and a probability of failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    keys: usize,
    bins: usize,
    capacity: usize,
    sparse: usize,
    dense: usize,
    subfield: bool,
}

/// Keys per bin, on average, at most: a bin's vector then has 0.7 MB.
const BIN: usize = 1 << 15;

/// Bins are made for at least this many keys: the formulas below say little
/// about smaller ones.
const LEAST: usize = 1 << 9;

/// Random places per row.
pub(super) const WEIGHT: usize = 3;

impl Params {
    /// For at most `keys` keys, failing with probability 2^-bits at most. A job of
    /// many stores asks for log2 of their number more bits.
    pub fn new(keys: usize, bits: f64) -> Self {
        let bins = keys.div_ceil(BIN).max(1);
        // Half of the probability for overflows, half for the bins' systems.
        let per_bin = bits + 1.0 + (bins as f64).log2();
        let capacity = capacity(keys, bins, per_bin).max(LEAST);
        let (sparse, dense) = system(capacity, per_bin);
        Self { keys, bins, capacity, sparse, dense, subfield: false }
    }

    /// The same over the subfield of 2^64 elements. The sizes are made for random
    /// coefficients of any field of that size.
    pub fn subfield(self) -> Self {
        Self { subfield: true, ..self }
    }

    /// Whether it is one over the subfield.
    pub fn is_subfield(&self) -> bool {
        self.subfield
    }

    /// The keys it is made for.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Keys that fit a bin.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// m: places of a bin.
    pub fn sparse(&self) -> usize {
        self.sparse
    }

    /// g: dense columns of a bin.
    pub fn dense(&self) -> usize {
        self.dense
    }

    /// Elements of a bin.
    pub fn bin_len(&self) -> usize {
        self.sparse + self.dense
    }

    /// Elements of the whole store. A corrupt encoder can satisfy that many keys
    /// instead of [`Params::keys`].
    pub fn len(&self) -> usize {
        self.bins * self.bin_len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// -log2 of the probability that encoding fails, as estimated: from the same
    /// formulas, from the sizes that were taken.
    pub fn security_bits(&self) -> f64 {
        let bins = (self.bins as f64).log2();
        let overflow = if self.bins == 1 {
            f64::INFINITY
        } else {
            overflow_bits(self.keys, self.bins, self.capacity) - bins
        };
        let (slope, n) = (slope(self.capacity), self.capacity as f64);
        let expansion = self.sparse as f64 / n;
        let peel = slope * (expansion - THRESHOLD) - OFFSET;
        let gap = (self.dense as f64) * (expansion * n).log2();
        // Both estimates are those of RR22 for the system of a bin.
        let system = peel.min(gap) - bins;
        -(2f64.powf(-overflow) + 2f64.powf(-system)).log2()
    }
}

/// Where random systems of weight 3 begin to be solvable by setting rows aside.
const THRESHOLD: f64 = 1.223;

const OFFSET: f64 = 9.2;

/// RR22, section 4.1: -log2 of the failure grows linearly with the expansion,
/// with this slope for n keys.
fn slope(n: usize) -> f64 {
    let w = (WEIGHT as f64).log2();
    let log = 0.555 * (n as f64).log2() + 0.093 * w.powi(3) - 1.01 * w.powi(2) + 2.925 * w - 0.133;
    log.exp2()
}

/// m and g for a bin of n keys, failing with probability 2^-bits.
fn system(n: usize, bits: f64) -> (usize, usize) {
    let expansion = THRESHOLD + (bits + OFFSET) / slope(n);
    let sparse = (expansion * n as f64).ceil() as usize;
    // RR22 takes the floor; one column more costs 16 bytes per bin.
    let dense = (bits / (sparse as f64).log2()).floor() as usize + 1;
    (sparse, dense)
}

/// -log2 of a bound (Chernoff, Hoeffding 1963) on the probability that one of
/// `bins` bins gets more than `capacity` of `keys` keys.
fn overflow_bits(keys: usize, bins: usize, capacity: usize) -> f64 {
    let (n, p, q) = (keys as f64, 1.0 / bins as f64, (capacity + 1) as f64 / keys as f64);
    if q >= 1.0 {
        return f64::INFINITY;
    }
    if q <= p {
        return 0.0;
    }
    let divergence = q * (q / p).log2() + (1.0 - q) * ((1.0 - q) / (1.0 - p)).log2();
    n * divergence
}

/// The least capacity that fails with probability 2^-bits per bin.
pub(crate) fn capacity(keys: usize, bins: usize, bits: f64) -> usize {
    if bins == 1 {
        return keys;
    }
    let (mut low, mut high) = (keys / bins, keys);
    while low < high {
        let middle = low.midpoint(high);
        if overflow_bits(keys, bins, middle) >= bits {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
impl Params {
    /// One bin of a given shape.
    pub(super) fn narrow(keys: usize, sparse: usize, dense: usize) -> Self {
        Self { keys, bins: 1, capacity: keys, sparse, dense, subfield: false }
    }

    /// The same with one size too small.
    pub(super) fn weakened(self) -> [Self; 3] {
        [
            Self { capacity: self.capacity - self.capacity / 100, ..self },
            Self { sparse: self.sparse - self.sparse / 100, ..self },
            Self { dense: self.dense - 2, ..self },
        ]
    }
}
