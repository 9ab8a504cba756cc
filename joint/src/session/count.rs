//! Counts with noise. What they protect, and why: [`crate::private`].

use super::{
    context::Context,
    machine::{Counted, Cuts, Demand, Joint, Runner, Sources, not_numbers},
    ops::outcome,
};
use crate::{
    error::{Error, Result},
    gate::{self, Permit},
    handle::TableId,
    outcome::{Kind, Opened, Outcome, Output},
    private::{Attribute, MAX_MARGINS, Noise, NoiseLaw, Term},
};
use privity_dp::{distributed::Shares, sampler::Source};
use privity_mpc::engine::{Dims, RingShares};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Most bins of one attribute.
const MAX_BINS: usize = 1000;
/// Most counts of one release.
const MAX_CELLS: usize = 1 << 20;
/// Most rows times bins: shares and their parts take up to a hundred bytes of each.
const MAX_WORDS: usize = 1 << 26;
/// Largest number of points or edge of a score, so that sums stay in range.
const MAX_POINTS: i64 = 1 << 40;
/// Secret bits that are converted at a time.
const BITS_AT_ONCE: u64 = 1 << 22;

const OP: &str = "count";

impl<E: Counted> Runner<E> {
    pub(super) fn check_count(
        &self,
        id: TableId,
        attributes: &[Attribute],
        margins: &[Vec<u32>],
        noise: &Noise,
    ) -> Result<Demand> {
        let table = self.joint(OP, id)?;
        let (mut sources, mut hidden) = (Sources::new(), false);
        for (i, attribute) in attributes.iter().enumerate() {
            check_attribute(attribute, &attributes[..i])?;
        }
        let cells = check_margins(attributes, margins)?;
        for attribute in used(attributes, margins).into_iter().map(|i| &attributes[i]) {
            let Some(name) = attribute.column() else { continue };
            let column = self.owned(OP, table, name)?;
            if !column.made_by.is_empty() {
                // Its values may depend on all rows (a mean, a deviation): then one row moves
                // many, and counts of them have no small sensitivity.
                return Err(Error::argument(
                    OP,
                    format!("column '{name}' was made by a transformation"),
                    "count it in the table before it was transformed",
                ));
            }
            hidden |= column.hidden.is_some();
            let text = matches!(attribute, Attribute::Levels { .. });
            if text && column.kind != Kind::Text {
                return Err(Error::argument(
                    OP,
                    format!("column '{name}' holds numbers"),
                    "give edges for it, not levels",
                ));
            }
            if !text && column.kind == Kind::Text {
                return Err(not_numbers(OP, name));
            }
            if text {
                let fix = "make a number of each level before binding, and give edges between them";
                table.refuse_hidden(OP, name, fix)?;
            }
            sources.extend(column.sources.iter().cloned());
        }
        let bins: usize = attributes.iter().map(Attribute::bins).sum();
        if table.rows.checked_mul(bins).is_none_or(|n| n > MAX_WORDS) {
            return Err(Error::argument(
                OP,
                format!("{} rows times {bins} bins do not fit", table.rows),
                format!("at most {MAX_WORDS} do: use fewer bins or attributes at a time"),
            ));
        }
        noise.check(margins.len(), cells)?;
        Ok(Demand { sources, hidden, ..Demand::default() })
    }

    pub(super) fn run_count(
        &mut self,
        cx: &mut Context,
        id: TableId,
        (attributes, margins): (&[Attribute], &[Vec<u32>]),
        noise: &Noise,
        permit: &Permit,
    ) -> Result<Outcome> {
        let table = self.joint(OP, id)?.clone();
        let rows = table.rows;
        let used = used(attributes, margins);
        let planes = self.indicators(cx, &table, attributes, &used)?;
        cx.report("counts", 0.4);

        let mut counts = Vec::with_capacity(margins.len());
        for margin in margins {
            let planes: Vec<&E::Ring> = margin.iter().filter_map(|a| planes.get(a)).collect();
            counts.push(match planes[..] {
                [one] => one.sum_rows(rows),
                [a, b] => {
                    let dims = Dims { m: a.len() / rows, k: rows, n: b.len() / rows };
                    self.engine.matmul(a, &b.transpose(rows), dims, 0)?
                }
                _ => return Err(Error::Internal("a margin of a checked list is too large")),
            });
        }
        let counts = E::Ring::concat(&counts.iter().collect::<Vec<_>>());
        cx.report("noise", 0.7);
        let noisy = counts.add(&self.noise(cx, noise, counts.len())?);

        let everybody = cx.everybody();
        let opened = gate::reveal(&mut self.engine, cx, &noisy, &everybody, permit)?;
        let mut cells: Box<dyn Iterator<Item = i64>> = match opened {
            Some(words) => Box::new(words.into_iter().map(|w| w as i64)),
            // A dry run goes on with rows spread evenly.
            None => Box::new(margins.iter().flat_map(move |margin| {
                let cells: usize = margin.iter().map(|&a| attributes[a as usize].bins()).product();
                std::iter::repeat_n((rows / cells.max(1)) as i64, cells)
            })),
        };
        let margins = margins
            .iter()
            .map(|margin| {
                let bins = margin.iter().map(|&a| attributes[a as usize].bins());
                cells.by_ref().take(bins.product()).collect()
            })
            .collect();
        let counts = Opened::Counts { margins, variance: noise.variance()? };
        Ok(outcome(Output::Released(Some(counts)), Vec::new()))
    }

    /// For each attribute that is used, one row of 0 and 1 per bin.
    fn indicators(
        &mut self,
        cx: &mut Context,
        table: &Joint<E::Ring>,
        attributes: &[Attribute],
        used: &BTreeSet<usize>,
    ) -> Result<BTreeMap<u32, E::Ring>> {
        let rows = table.rows;
        let mut planes = BTreeMap::new();
        // One pass per owner, as many rounds as owners.
        for owner in 0..cx.parties.len() {
            let mut own = Vec::new();
            for &i in used {
                let Some(name) = attributes[i].column() else { continue };
                let column = table.column(OP, name)?;
                if column.owner == Some(owner) && column.hidden.is_none() {
                    own.push(i);
                }
            }
            if own.is_empty() {
                continue;
            }
            let bins: Vec<usize> = own.iter().map(|&i| attributes[i].bins()).collect();
            let mut places = None;
            if owner == cx.me && cx.dry.is_none() {
                let all = own.iter().map(|&i| own_places(table, &attributes[i]));
                places = Some(all.collect::<Result<Vec<_>>>()?);
            }
            let all = self.share_indicators(cx, owner, places.as_deref(), rows, &bins)?;
            let all = all.transpose(bins.iter().sum());
            let mut start = 0;
            for (i, bins) in own.into_iter().zip(bins) {
                planes.insert(i as u32, all.slice(start * rows..(start + bins) * rows));
                start += bins;
            }
        }
        for &i in used {
            let made = match &attributes[i] {
                Attribute::Score { terms, edges } => {
                    let mut score = E::Ring::zeros(rows);
                    for Term { attribute, points } in terms {
                        let bins = planes.get(attribute);
                        let bins = bins.ok_or(Error::Internal("a score comes before its terms"))?;
                        let each: Vec<u64> = points
                            .iter()
                            .flat_map(|&p| std::iter::repeat_n(p as u64, rows))
                            .collect();
                        score = score.add(&bins.mul_public(&each).sum_columns(rows));
                    }
                    // edge <= x is the same as edge - 1 < x of integers.
                    let before: Vec<u64> = edges.iter().map(|&e| (e - 1) as u64).collect();
                    self.bin_planes(&score, &self.engine.public(&before))?
                }
                Attribute::Edges { column, edges } if !planes.contains_key(&(i as u32)) => {
                    let column = table.column(OP, column)?;
                    let x = column.shared.as_ref();
                    let x = x.ok_or(Error::Internal("a column is not shared"))?;
                    let edges: Vec<u64> = edges.iter().map(|&e| self.fixed.constant(e)).collect();
                    self.bin_planes(x, &self.engine.public(&edges))?
                }
                _ => continue,
            };
            planes.insert(i as u32, made);
        }
        Ok(planes)
    }

    /// Noise for each count, shared.
    fn noise(&mut self, cx: &mut Context, noise: &Noise, cells: usize) -> Result<E::Ring> {
        let NoiseLaw::Binomial { trials } = noise.law else {
            let computing = cx.computing();
            // All draw at once, before anybody waits for a share.
            let mine = (computing.contains(&cx.me) && cx.dry.is_none())
                .then(|| draw(&noise.shares()?, cells, cx))
                .transpose()?;
            let mut sum = E::Ring::zeros(cells);
            for party in computing {
                let words = mine.as_ref().filter(|_| party == cx.me).map(|w| w.as_slice());
                sum = sum.add(&self.share(cx, party, words, cells)?);
            }
            return Ok(sum);
        };
        // Ones among the bits of each count, some bits of all counts at a time.
        let at_once = (BITS_AT_ONCE / cells as u64).clamp(1, trials);
        let mut sum = E::Ring::zeros(cells);
        let mut left = trials;
        while left > 0 {
            let take = at_once.min(left) as usize;
            let bits = self.engine.random_bits(take * cells)?;
            let bits = self.engine.bit_to_ring(&bits)?;
            sum = sum.add(&bits.sum_columns(cells));
            left -= take as u64;
        }
        Ok(self.engine.add_public(&sum, &vec![(trials / 2).wrapping_neg(); cells]))
    }
}

/// This party's shares of noise. Peers wait for them, and the time of a draw depends on what
/// is drawn: it is filled up to a whole number of steps, one for all but large releases.
fn draw(shares: &Shares, cells: usize, cx: &Context) -> Result<Zeroizing<Vec<u64>>> {
    const STEP: Duration = Duration::from_millis(20);
    let start = Instant::now();
    let source = &mut Source::new(rand::rng());
    let mut noise = Zeroizing::new(Vec::with_capacity(cells));
    while noise.len() < cells {
        if cx.cancel.is_cancelled() {
            return Err(privity_core::Error::Cancelled { during: OP.into() }.into());
        }
        let some = (cells - noise.len()).min(64);
        noise.extend_from_slice(&shares.draw(some, source));
    }
    let steps = start.elapsed().as_nanos() / STEP.as_nanos() + 1;
    // Fewer than 2^32: a draw of days would have been stopped.
    let end = start + STEP * u32::try_from(steps).unwrap_or(u32::MAX);
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    Ok(noise)
}

/// The places of the attributes that margins name, and of those that their scores add up.
fn used(attributes: &[Attribute], margins: &[Vec<u32>]) -> BTreeSet<usize> {
    let named: BTreeSet<usize> = margins.iter().flatten().map(|&a| a as usize).collect();
    let terms = named.iter().flat_map(|&a| match attributes.get(a) {
        Some(Attribute::Score { terms, .. }) => terms.as_slice(),
        _ => &[],
    });
    let terms: Vec<usize> = terms.map(|term| term.attribute as usize).collect();
    named.into_iter().chain(terms).collect()
}

/// The bin of each row, at the column's owner.
fn own_places<R: RingShares>(table: &Joint<R>, attribute: &Attribute) -> Result<Vec<Option<u32>>> {
    let local = |name: &str| {
        let local = table.column(OP, name)?.local.clone();
        local.ok_or(Error::Internal("a column is not here"))
    };
    match attribute {
        Attribute::Edges { column, edges } => {
            Ok(Cuts::Edges(edges.clone()).places(&*local(column)?))
        }
        Attribute::Levels { column, levels } => {
            let column = local(column)?;
            let mut sorted: Vec<(usize, &String)> = levels.iter().enumerate().collect();
            sorted.sort_unstable_by_key(|(_, level)| *level);
            let names = Cuts::Levels(sorted.iter().map(|(_, level)| (*level).clone()).collect());
            // At most 1000 levels; the last bin is for all others.
            let other = levels.len() as u32;
            let place = |found: Option<u32>| match found {
                Some(i) => sorted[i as usize].0 as u32,
                None => other,
            };
            Ok(names.places(&column).into_iter().map(|found| Some(place(found))).collect())
        }
        Attribute::Score { .. } => Err(Error::Internal("a score has no column")),
    }
}

fn check_attribute(attribute: &Attribute, before: &[Attribute]) -> Result<()> {
    let wrong = |rule: String, fix: &str| Err(Error::argument(OP, rule, fix));
    let named = attribute.column().unwrap_or("score");
    if !(2..=MAX_BINS).contains(&attribute.bins()) {
        return wrong(
            format!("'{named}' has {} bins", attribute.bins()),
            "use 2 to 1000; the last one of levels is for all that are not named",
        );
    }
    match attribute {
        Attribute::Levels { levels, .. } => {
            let mut sorted: Vec<&String> = levels.iter().collect();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
                return wrong(
                    format!("level '{}' of '{named}' is named twice", twice[0]),
                    "name it once",
                );
            }
        }
        Attribute::Edges { edges, .. } => {
            let ascend = edges.windows(2).all(|w| w[0] < w[1]);
            if !ascend || edges.iter().any(|e| e.is_nan() || e.abs() >= 2f64.powi(40)) {
                return wrong(
                    format!("the edges of '{named}' do not ascend, or are no numbers below 2^40"),
                    "list them from low to high",
                );
            }
        }
        Attribute::Score { terms, edges } => {
            let fits = |x: &i64| x.unsigned_abs() <= MAX_POINTS.unsigned_abs();
            if terms.is_empty() || terms.len() > 1000 {
                return wrong(format!("the score has {} terms", terms.len()), "use 1 to 1000");
            }
            // 1000 terms of 2^40 points stay below 2^50.
            if !edges.windows(2).all(|w| w[0] < w[1])
                || edges.iter().any(|e| e.unsigned_abs() > 1 << 50)
            {
                return wrong(
                    "the edges of the score do not ascend, or are beyond 2^50".into(),
                    "list them from low to high",
                );
            }
            for term in terms {
                let of = before.get(term.attribute as usize).filter(|a| a.column().is_some());
                let Some(of) = of else {
                    return wrong(
                        format!("a term of the score is attribute {}", term.attribute),
                        "name one with a column, before the score in the list",
                    );
                };
                if of.bins() != term.points.len() || !term.points.iter().all(fits) {
                    return wrong(
                        format!("{} points for attribute {}", term.points.len(), term.attribute),
                        "give one for each of its bins, at most 2^40",
                    );
                }
            }
        }
    }
    Ok(())
}

/// How many counts these margins have.
fn check_margins(attributes: &[Attribute], margins: &[Vec<u32>]) -> Result<usize> {
    let wrong = |rule: &str, fix: &str| Err(Error::argument(OP, rule, fix));
    if !(1..=MAX_MARGINS).contains(&margins.len()) {
        return wrong("there is no margin, or more than 4096", "list 1 to 4096 margins");
    }
    let mut cells = 0usize;
    for (i, margin) in margins.iter().enumerate() {
        let bins: Option<Vec<usize>> =
            margin.iter().map(|&a| Some(attributes.get(a as usize)?.bins())).collect();
        let Some(bins) = bins else {
            return wrong("a margin names an attribute that is not there", "count from 0");
        };
        match margin[..] {
            [_] => {}
            [a, b] if a != b => {}
            _ => return wrong("a margin has not one or two different attributes", "name them"),
        }
        if margins[..i].contains(margin) {
            return wrong("a margin is listed twice", "list it once: counting twice costs twice");
        }
        cells = cells.saturating_add(bins.iter().product());
    }
    match cells {
        0..=MAX_CELLS => Ok(cells),
        _ => wrong("the margins have more than 2^20 counts", "use fewer bins or margins"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_margins_are_checked() {
        let levels = |names: &[&str]| Attribute::Levels {
            column: "c".into(),
            levels: names.iter().map(|n| n.to_string()).collect(),
        };
        let edges = |edges: &[f64]| Attribute::Edges { column: "x".into(), edges: edges.to_vec() };
        assert!(check_attribute(&levels(&["a", "b"]), &[]).is_ok());
        assert!(check_attribute(&levels(&["a", "a"]), &[]).is_err());
        assert!(check_attribute(&levels(&[]), &[]).is_err());
        assert!(check_attribute(&edges(&[1.0, 2.0]), &[]).is_ok());
        for bad in [&[][..], &[2.0, 1.0], &[1.0, 1.0], &[f64::NAN], &[f64::INFINITY], &[1e300]] {
            assert!(check_attribute(&edges(bad), &[]).is_err(), "{bad:?}");
        }
        let score = |attribute, points: &[i64], edges: &[i64]| Attribute::Score {
            terms: vec![Term { attribute, points: points.to_vec() }],
            edges: edges.to_vec(),
        };
        let before = [levels(&["a", "b"]), score(0, &[1, 2, 3], &[2])];
        assert!(check_attribute(&score(0, &[1, 2, 3], &[0, 2]), &before).is_ok());
        assert!(check_attribute(&score(0, &[1, 2], &[0]), &before).is_err());
        assert!(check_attribute(&score(1, &[1, 2], &[0]), &before).is_err());
        assert!(check_attribute(&score(7, &[1, 2], &[0]), &before).is_err());
        assert!(check_attribute(&score(0, &[1, 2, i64::MIN], &[0]), &before).is_err());
        assert!(check_attribute(&score(0, &[1, 2, 3], &[i64::MIN]), &before).is_err());

        let two = [levels(&["a", "b"]), edges(&[1.0])];
        assert_eq!(check_margins(&two, &[vec![0], vec![0, 1]]).unwrap(), 3 + 6);
        for bad in [vec![], vec![vec![]], vec![vec![2]], vec![vec![0, 0]], vec![vec![0]; 2]] {
            assert!(check_margins(&two, &bad).is_err(), "{bad:?}");
        }
    }
}
