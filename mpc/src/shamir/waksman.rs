//! Permutation networks of any size, after Waksman, "A Permutation Network",
//! JACM 15(1), 1968, and Beauquier, Darrot, "On Arbitrary Size Waksman Networks",
//! 2002 (without the fixed switch that these save).

/// The switches of a network on n wires, in layers that work at once. A switch
/// is a pair of wires that it exchanges if its control bit is set.
pub(super) fn layers(n: usize) -> Vec<Vec<(usize, usize)>> {
    build(&(0..n).collect::<Vec<_>>())
}

fn build(wires: &[usize]) -> Vec<Vec<(usize, usize)>> {
    match wires {
        [] | [_] => vec![],
        [a, b] => vec![vec![(*a, *b)]],
        _ => {
            let (upper, lower) = halves(wires);
            let outer: Vec<_> = wires.chunks_exact(2).map(|w| (w[0], w[1])).collect();
            let mut middle = build(&upper);
            for (i, layer) in build(&lower).into_iter().enumerate() {
                if i == middle.len() {
                    middle.push(vec![]);
                }
                middle[i].extend(layer);
            }
            let mut all = vec![outer.clone()];
            all.append(&mut middle);
            all.push(outer);
            all
        }
    }
}

/// Wires of the upper network (the first of each pair) and of the lower one (the
/// second, and the wire that is left over).
fn halves(wires: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let upper = wires.chunks_exact(2).map(|w| w[0]).collect();
    let mut lower: Vec<usize> = wires.chunks_exact(2).map(|w| w[1]).collect();
    lower.extend(wires.chunks_exact(2).remainder());
    (upper, lower)
}

/// The control bits that bring what is on wire i to wire `target[i]`, in the
/// order of [`layers`]. A party computes this on its own permutation; the time
/// depends on it.
pub(super) fn controls_vartime(target: &[usize]) -> Vec<Vec<bool>> {
    let n = target.len();
    if n < 2 {
        return vec![];
    }
    if n == 2 {
        return vec![vec![target[0] == 1]];
    }
    let pairs = n / 2;
    let mut source = vec![0; n];
    for (i, &t) in target.iter().enumerate() {
        source[t] = i;
    }
    // Whether input i goes through the lower network; the partners differ.
    let mut low: Vec<Option<bool>> = vec![None; n];
    let follow = |start: usize, through: bool, low: &mut Vec<Option<bool>>| {
        let (mut i, mut through) = (start, through);
        loop {
            low[i] = Some(through);
            let out = target[i];
            if out == 2 * pairs {
                return;
            }
            // The other output of its pair comes through the other network.
            let j = source[out ^ 1];
            low[j] = Some(!through);
            if j == 2 * pairs {
                return;
            }
            i = j ^ 1;
            if low[i].is_some() {
                return;
            }
            through = !low[j].unwrap_or_default();
        }
    };
    if n % 2 == 1 {
        // The last wire is in the lower network at both ends.
        follow(n - 1, true, &mut low);
        if low[source[n - 1]].is_none() {
            follow_back(source[n - 1], target, &source, pairs, &mut low);
        }
    }
    for i in 0..2 * pairs {
        if low[i].is_none() {
            follow(i, i % 2 == 1, &mut low);
        }
    }
    let through = |i: usize| low[i] == Some(true);
    let first: Vec<bool> = (0..pairs).map(|p| through(2 * p)).collect();
    let last: Vec<bool> = (0..pairs).map(|p| through(source[2 * p])).collect();
    let mut upper = vec![0; pairs];
    let mut lower = vec![0; n - pairs];
    for i in 0..n {
        let half = if through(i) { &mut lower } else { &mut upper };
        half[i / 2] = target[i] / 2;
    }
    let mut middle = controls_vartime(&upper);
    for (i, layer) in controls_vartime(&lower).into_iter().enumerate() {
        if i == middle.len() {
            middle.push(vec![]);
        }
        middle[i].extend(layer);
    }
    let mut all = vec![first];
    all.append(&mut middle);
    all.push(last);
    all
}

/// The chain of constraints that begins at the input whose output is the last
/// wire: it is in the lower network, its partner in the upper one, and so on.
fn follow_back(
    start: usize,
    target: &[usize],
    source: &[usize],
    pairs: usize,
    low: &mut [Option<bool>],
) {
    let mut i = start;
    loop {
        low[i] = Some(true);
        if i == 2 * pairs {
            return;
        }
        let j = i ^ 1;
        if low[j].is_some() {
            return;
        }
        low[j] = Some(false);
        let out = target[j];
        if out == 2 * pairs {
            return;
        }
        i = source[out ^ 1];
        if low[i].is_some() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn every_permutation_is_realised() {
        let mut rng = StdRng::seed_from_u64(5);
        for n in (0..40).chain([64, 100, 127, 1000]) {
            for _ in 0..20 {
                let mut target: Vec<usize> = (0..n).collect();
                for i in (1..n).rev() {
                    target.swap(i, rng.random_range(0..=i));
                }
                let mut wires: Vec<usize> = (0..n).collect();
                let (layers, controls) = (layers(n), controls_vartime(&target));
                assert_eq!(layers.len(), controls.len(), "{n}");
                for (layer, bits) in layers.iter().zip(&controls) {
                    assert_eq!(layer.len(), bits.len());
                    for (&(a, b), &bit) in layer.iter().zip(bits) {
                        if bit {
                            wires.swap(a, b);
                        }
                    }
                }
                for (out, &i) in wires.iter().enumerate() {
                    assert_eq!(target[i], out, "{n}");
                }
            }
        }
    }
}
