#![allow(clippy::print_stdout)] // the seed of a failure

use super::{noise::*, *};
use crate::params::STATISTICAL_BITS;
use proptest::prelude::*;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

fn log2(p: u64) -> f64 {
    (p as f64).log2()
}

/// The parameters against the standard, and (2) and (3) of `noise`, from the
/// definitions: any constant that is weakened fails here.
#[test]
fn the_budget_of_noise_holds() {
    let q: f64 = PRIMES.iter().map(|&p| log2(p)).sum();
    let kept: f64 = PRIMES[..KEPT].iter().map(|&p| log2(p)).sum();
    assert!(N == 8192 && q <= 218.0, "not 128 bits by the Homomorphic Encryption Standard");
    let deviation = (f64::from(ETA) / 2.0).sqrt();
    assert!(deviation >= 3.2, "the standard's errors have a deviation of 3.2");
    assert!(PRIMES.iter().all(|p| (p - 1) % (2 * N as u64) == 0 && *p < 1 << 50));

    let (n, eta) = (N as f64, f64::from(ETA));
    let step = 2f64.powf(q - 65.0);
    // As many words in each coefficient as released coefficients allow, at both ends.
    for released in [0, 20, LOAD_BITS] {
        let (words, released) =
            (2f64.powi((LOAD_BITS - released) as i32), 2f64.powi(released as i32));
        let b = words * 2f64.powi(63) * (eta + 0.5) + 2.0 * n * eta + 1.0;
        let h = 2f64.powi(FLOOD_BITS as i32);
        let distance = released * b / (2.0 * h);
        assert!(distance <= 2f64.powi(-(STATISTICAL_BITS as i32)), "flooding: {distance:e}");
        let switched = (h + b) * 2f64.powf(kept - q);
        let rounding = (1.0 + n) / 2.0 * (1.0 + 2f64.powi(-38));
        let half = 2f64.powf(kept - 65.0) * (1.0 - 2f64.powi(-18));
        assert!(switched + rounding < half, "{switched} + {rounding} of {half}");
        assert!(h + b < step, "the noise of a reply before it is rounded");
    }
    assert!(fits(1 << 20, 1 << 23) && !fits(1 << 20, (1 << 23) + 1));
    assert!(!fits(usize::MAX, usize::MAX));
}

/// The order of magnitude of the samplers, and their bounds.
#[test]
fn secrets_and_errors_have_their_distributions() {
    let sampler = Sampler::new(&mut StdRng::seed_from_u64(4));
    let draw = |f: &dyn Fn(u64) -> Vec<i64>| (0..8).flat_map(f).collect::<Vec<i64>>();
    let ternary = draw(&|d| sampler.ternary(d).to_vec());
    let errors = draw(&|d| sampler.errors(100 + d).to_vec());
    let count = ternary.len() as f64;
    for value in -1..=1 {
        let share = ternary.iter().filter(|&&x| x == value).count() as f64 / count;
        assert!((share - 1.0 / 3.0).abs() < 0.01, "{value}: {share}");
    }
    assert!(ternary.iter().all(|x| x.abs() <= 1));
    assert!(errors.iter().all(|x| x.abs() <= i64::from(ETA)));
    let variance = errors.iter().map(|&x| (x * x) as f64).sum::<f64>() / count;
    assert!((variance - 10.5).abs() < 0.3, "{variance}");
}

/// Little-endian limbs, for an implementation that has nothing in common.
type Big = [u64; 6];

fn times(x: Big, y: u64) -> Big {
    let mut carry = 0u128;
    x.map(|limb| {
        carry += u128::from(limb) * u128::from(y);
        let low = carry as u64;
        carry >>= 64;
        low
    })
}

fn plus(x: Big, y: Big) -> Big {
    let mut carry = 0u128;
    std::array::from_fn(|i| {
        carry += u128::from(x[i]) + u128::from(y[i]);
        let low = carry as u64;
        carry >>= 64;
        low
    })
}

fn modulo(x: Big, p: u64) -> u64 {
    x.iter().rev().fold(0u128, |r, &limb| ((r << 64) | u128::from(limb)) % u128::from(p)) as u64
}

fn modulus() -> Big {
    PRIMES.iter().fold([1, 0, 0, 0, 0, 0], |q, &p| times(q, p))
}

/// x with |x| < q / 2 from its residues, by Garner's mixed radix.
fn centred(x: [u64; 5]) -> f64 {
    let digits = |x: [u64; 5]| {
        let mut v = [0u64; 5];
        for i in 0..5 {
            let p = PRIMES[i];
            let (mut sum, mut radix) = (0, 1);
            for j in 0..i {
                sum = (sum + ntt::product(v[j] % p, radix, p)) % p;
                radix = ntt::product(radix, PRIMES[j] % p, p);
            }
            let rest = (x[i] + p - sum) % p;
            v[i] = ntt::product(rest, ntt::power(radix, p - 2, p), p);
        }
        v
    };
    let v = digits(x);
    let (v, sign) = if v[4] > PRIMES[4] / 2 {
        (digits(std::array::from_fn(|i| (PRIMES[i] - x[i]) % PRIMES[i])), -1.0)
    } else {
        (v, 1.0)
    };
    sign * (0..5).rev().fold(0.0, |sum, i| sum * PRIMES[i] as f64 + v[i] as f64)
}

proptest! {
    #[test]
    fn messages_are_scaled_exactly(m: u64) {
        for m in [m, 0, 1, u64::MAX, 1 << 63] {
            let product = plus(times(modulus(), m), [1 << 63, 0, 0, 0, 0, 0]);
            let mut shifted = [0; 6];
            shifted[..5].copy_from_slice(&product[1..]);
            for rns in rns() {
                prop_assert_eq!(rns.scaled(m), modulo(shifted, rns.ntt.p()));
            }
        }
    }

    #[test]
    fn switching_rounds(limbs: [u64; 3], high in 0u64..1 << 22) {
        // x below 2^214, by its residues; then x q' / q.
        let x = [limbs[0], limbs[1], limbs[2], high, 0, 0];
        let mut c: Vec<Vec<u64>> = PRIMES.iter().map(|&p| vec![modulo(x, p)]).collect();
        switch(&mut c);
        let dropped = PRIMES[KEPT..].iter().fold([1, 0, 0, 0, 0, 0], |q, &p| times(q, p));
        // What is left, by the Chinese remainder theorem for two primes.
        let (p, r) = (PRIMES[0], PRIMES[1]);
        let inverse = ntt::power(p % r, r - 2, r);
        let step = ntt::product((c[1][0] + r - c[0][0] % r) % r, inverse, r);
        let y = u128::from(c[0][0]) + u128::from(p) * u128::from(step);
        // |y d - x| <= d (1/2 + 2^-39)
        let y = times_wide(dropped, y);
        let close = |a: Big, b: Big| {
            let bound = plus(times(dropped, (1 << 39) + 2), [0; 6]);
            less(times(a, 1 << 40), plus(times(b, 1 << 40), bound))
        };
        prop_assert!(close(x, y) && close(y, x));
    }
}

fn times_wide(x: Big, y: u128) -> Big {
    let high = times(x, (y >> 64) as u64);
    let mut shifted = [0; 6];
    shifted[1..].copy_from_slice(&high[..5]);
    plus(times(x, y as u64), shifted)
}

fn less(a: Big, b: Big) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// Products modulo X^N + 1 and 2^64, by the definition; `b` is short or sparse.
fn product(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut c = vec![0u64; N];
    for (j, &b) in b.iter().enumerate().filter(|x| *x.1 != 0) {
        for (i, &a) in a.iter().enumerate() {
            let x = a.wrapping_mul(b);
            let k = (i + j) % N;
            c[k] = if i + j < N { c[k].wrapping_add(x) } else { c[k].wrapping_sub(x) };
        }
    }
    c
}

/// Both sides; every coefficient against plain arithmetic.
fn run(messages: &[Vec<u64>], factors: &[Vec<Vec<u64>>], log: u32, rng: &mut StdRng) {
    let decryptor = Decryptor::new(rng);
    let key = decryptor.public_key();
    assert_eq!(key.len(), PUBLIC_KEY_BYTES);
    let evaluator = Evaluator::new(&key, rng).expect("an honest key");
    let inputs: Vec<Ciphertext> = messages
        .iter()
        .enumerate()
        .map(|(t, a)| evaluator.read(t as u64, &decryptor.encrypt(t as u64, a)).expect("honest"))
        .collect();
    let words = factors.iter().flatten().flatten().copied().collect::<Vec<u64>>();
    let factors_of = Factors { words: words.into(), log };
    let places: Vec<Vec<usize>> = factors.iter().map(|_| (0..N).collect()).collect();
    let replies = evaluator.reply(&inputs, &factors_of, 0, &places);
    for (reply, factors) in replies.iter().zip(factors) {
        assert_eq!(reply.message.len(), reply_bytes(N));
        let theirs = decryptor.decrypt(&reply.message, &places[0]).expect("honest");
        let mut expected = vec![0u64; N];
        for (a, b) in messages.iter().zip(factors) {
            let c = product(a, b);
            expected.iter_mut().zip(c).for_each(|(e, c)| *e = e.wrapping_add(c));
        }
        for j in 0..N {
            assert_eq!(theirs[j].wrapping_add(reply.masks[j]), expected[j], "coefficient {j}");
        }
    }
}

#[test]
fn sums_of_products_are_right() {
    let seed = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    for (k, replies, log) in [(1, 1, 0), (3, 2, 3), (2, 3, 5)] {
        let mut draw = |n: usize| (0..n).map(|_| rng.random()).collect::<Vec<u64>>();
        let messages: Vec<_> = (0..k).map(|_| draw(N)).collect();
        let factors: Vec<Vec<_>> =
            (0..replies).map(|_| (0..k).map(|_| draw(1 << log)).collect()).collect();
        println!("seed {seed}, {k} {replies} {log}");
        run(&messages, &factors, log, &mut rng);
    }
}

/// The largest numbers everywhere, and factors whose every coefficient is the
/// one of largest magnitude.
#[test]
fn the_largest_words_are_right() {
    let mut rng = StdRng::seed_from_u64(rand::random());
    for value in [u64::MAX, 1 << 63, i64::MAX as u64] {
        run(&[vec![u64::MAX; N], vec![1 << 63; N]], &[vec![vec![value; 64]; 2]], 6, &mut rng);
    }
    // Full length, all coefficients -2^63 = 2^63: times one odd coefficient and an
    // even one, whatever the signs, 2^63 in every place.
    let mut a = vec![0u64; N];
    (a[0], a[1]) = (u64::MAX, 2);
    let decryptor = Decryptor::new(&mut rng);
    let evaluator = Evaluator::new(&decryptor.public_key(), &mut rng).expect("honest");
    let inputs: Vec<Ciphertext> =
        (0..7).map(|t| evaluator.read(t, &decryptor.encrypt(t, &a)).expect("honest")).collect();
    let factors = Factors { words: vec![1 << 63; 7 * N].into(), log: 13 };
    let places: Vec<usize> = (0..N).collect();
    let reply = evaluator.reply(&inputs, &factors, 0, std::slice::from_ref(&places)).remove(0);
    let theirs = decryptor.decrypt(&reply.message, &places).expect("honest");
    assert!(theirs.iter().zip(reply.masks.iter()).all(|(t, r)| t.wrapping_add(*r) == 1 << 63));
}

/// What is left of `sums` or a blinded reply besides the right words: the noise.
fn noise_of(d: [Vec<Vec<u64>>; 2], decryptor: &Decryptor, right: &[u64]) -> Vec<f64> {
    let [d0, d1] = d;
    let phase = decryptor.phase(d1);
    (0..N)
        .map(|j| {
            centred(std::array::from_fn(|i| {
                let rns = &rns()[i];
                rns.ntt.sub(rns.ntt.add(d0[i][j], phase[i][j]), rns.scaled(right[j]))
            }))
        })
        .collect()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
    dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()
}

/// The decryptor's noise is uniform over the width of the flood and not
/// correlated to the noise that its errors and the evaluator's factor make,
/// although the factor is chosen to make that as large as it can get. A false
/// alarm in 10^6 runs. The same statistic finds a flood that is only as wide as the noise.
#[test]
fn the_noise_seen_does_not_depend_on_the_factor() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let places: Vec<usize> = (0..N).collect();
    let (mut seen, mut inner) = (vec![], vec![]);
    for _ in 0..2 {
        let decryptor = Decryptor::new(&mut rng);
        let evaluator = Evaluator::new(&decryptor.public_key(), &mut rng).expect("honest");
        let a: Vec<u64> = (0..N).map(|_| rng.next_u64()).collect();
        let input = [evaluator.read(0, &decryptor.encrypt(0, &a)).expect("honest")];
        let b = vec![1u64 << 63; 16];
        let right = product(&a, &b);
        let sum = || {
            let factors = Factors { words: b.clone().into(), log: 4 };
            evaluate::sums(&input, &factors, 1).remove(0)
        };
        let open = |d: [cipher::Residues; 2]| d.map(|d| d.iter().map(|x| x.to_vec()).collect());
        let mut raw: [Vec<Vec<u64>>; 2] = open(sum());
        for d in raw.iter_mut() {
            rns().iter().zip(d).for_each(|(rns, d)| rns.ntt.inverse(d));
        }
        inner.extend(noise_of(raw, &decryptor, &right));
        let masks: Vec<u64> = (0..N).map(|_| rng.next_u64()).collect();
        let masked: Vec<u64> = right.iter().zip(&masks).map(|(x, r)| x.wrapping_sub(*r)).collect();
        let blinded = open(evaluator.blind(sum(), 0, &places, &masks));
        seen.extend(noise_of(blinded, &decryptor, &masked));
    }
    let count = seen.len() as f64;
    let width = 2f64.powi(FLOOD_BITS as i32);
    // The worst case of (1) holds, and is not idle.
    let bound = 16.0 * 2f64.powi(63) * (f64::from(ETA) + 0.5);
    let largest = inner.iter().fold(0f64, |m, x| m.max(x.abs()));
    assert!(largest <= bound && largest > bound / 32.0, "{largest:e} of {bound:e}");
    assert!(seen.iter().all(|x| x.abs() <= width * (1.0 + 1e-9)));

    // 5 standard deviations: 6e-7.
    let threshold = 5.0 / count.sqrt();
    let dependence = correlation(&seen, &inner);
    assert!(dependence.abs() < threshold, "correlation {dependence}");
    let narrow: Vec<f64> = seen.iter().zip(&inner).map(|(s, i)| s / width * largest + i).collect();
    assert!(correlation(&narrow, &inner) > threshold, "the statistic has no power");

    // Sixteen bins: 64 is exceeded by chance with 1e-7.
    let mut bins = [0f64; 16];
    for x in &seen {
        bins[(((x / width + 1.0) * 8.0) as usize).min(15)] += 1.0;
    }
    let expected = count / 16.0;
    let chi: f64 = bins.iter().map(|b| (b - expected).powi(2) / expected).sum();
    assert!(chi < 64.0, "chi-square {chi} of 15 degrees");
}

#[test]
fn wrong_residues_are_refused() {
    let mut rng = StdRng::seed_from_u64(3);
    let decryptor = Decryptor::new(&mut rng);
    let key = decryptor.public_key();
    let evaluator = Evaluator::new(&key, &mut rng).expect("honest");
    let good = decryptor.encrypt(0, &vec![5; N]);
    // The first residue of each prime becomes the prime itself.
    let mut at = 0;
    for (i, width) in [5, 5, 5, 6, 6].into_iter().enumerate() {
        let mut bad = good.clone();
        bad[at..at + width].copy_from_slice(&PRIMES[i].to_le_bytes()[..width]);
        assert!(evaluator.read(0, &bad).is_err(), "prime {i}");
        let mut bad = key.clone();
        bad[16 + at..16 + at + width].copy_from_slice(&PRIMES[i].to_le_bytes()[..width]);
        assert!(Evaluator::new(&bad, &mut rng).is_err(), "prime {i}");
        at += N * width;
    }
    assert_eq!((at, good.len()), (UPLOAD_BYTES, UPLOAD_BYTES));
    let inputs = [evaluator.read(0, &good).expect("honest")];
    let factors = Factors { words: vec![2].into(), log: 0 };
    let reply = evaluator.reply(&inputs, &factors, 0, &[vec![0, 7]]).remove(0);
    assert_eq!(reply.message.len(), reply_bytes(2));
    for at in [0, 5 * N, 10 * N, 10 * N + 10] {
        let mut bad = reply.message.clone();
        bad[at..at + 5].fill(0xFF);
        assert!(decryptor.decrypt(&bad, &[0, 7]).is_err(), "byte {at}");
    }
    assert!(decryptor.decrypt(&reply.message, &[0, 7]).is_ok());
}

#[test]
fn nothing_secret_is_printed() {
    let mut rng = StdRng::seed_from_u64(3);
    let decryptor = Decryptor::new(&mut rng);
    let evaluator = Evaluator::new(&decryptor.public_key(), &mut rng).expect("honest");
    let factors = Factors { words: vec![2].into(), log: 0 };
    let shown = format!("{decryptor:?} {evaluator:?} {factors:?}");
    assert_eq!(shown, "Decryptor { .. } Evaluator { .. } Factors { .. }");
}
