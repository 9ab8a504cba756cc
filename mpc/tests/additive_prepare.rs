//! The offline phase of engine `additive`: plans from dry runs, sealed
//! randomness, and that a crash brings none of it back.
#![allow(clippy::expect_used)] // a failed expectation fails the test

use privity_core::{Error, Mesh, Result, Secret};
use privity_mpc::{
    additive::{
        self, Additive, AdditiveCost, Plan, Profile,
        vault::{Sealed, Vault},
    },
    engine::{Dims, Engine, Recipients},
    shape::Shape,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

fn program<E: Engine>(e: &mut E, seed: u64) -> Result<Option<Vec<u64>>> {
    let values: Vec<u64> = (0..70).map(|i| seed.wrapping_add(i << 20)).collect();
    let x = e.input(0, (e.me() == 0).then_some(&values[..]), 70)?;
    let y = e.mul(&x, &x, 20)?;
    let z = e.matmul(&x, &y, Dims { m: 7, k: 10, n: 7 }, 20)?;
    let s = e.is_negative(&z)?;
    let b = e.bit_to_ring(&s)?;
    e.open(&b, Recipients::All)
}

fn plan() -> Plan {
    let model = AdditiveCost::new(2, Profile::LAN);
    let count = model.count();
    program(&mut Shape::new(0, model), 1).expect("no messages");
    count.plan()
}

/// With the plan of a dry run prepared, set-up, offline and online phase send
/// what dry runs say, and nothing is left.
#[test]
fn a_plan_is_exactly_enough() {
    let plan = plan();
    let measured = additive::run_local(2, Profile::LAN, |e| {
        e.prepare(&plan)?;
        assert_eq!(e.prepared(), plan);
        let offline = e.mesh().meter().sent();
        program(e, 1)?;
        assert!(e.prepared().is_empty(), "something is left");
        Ok((offline, e.mesh().meter().sent(), e.mesh().clock()))
    })
    .expect("honest parties");
    let run = |model| {
        let mut shape = Shape::new(0, model);
        program(&mut shape, 1).expect("no messages");
        shape.cost()
    };
    let all = run(AdditiveCost::preparing(2, Profile::LAN, plan.clone()));
    let mut shape = Shape::new(0, AdditiveCost::preparing(2, Profile::LAN, plan.clone()));
    shape.import(&[]).expect("no messages");
    let offline = shape.cost();
    let online = run(AdditiveCost::prepared(2, Profile::LAN, plan));
    assert_eq!(online, run(AdditiveCost::online(2)));
    for me in 0..2 {
        assert_eq!((all.sent[me], all.rounds[me]), (measured[me].1, measured[me].2));
        assert_eq!(offline.sent[me], measured[me].0);
        assert_eq!(online.sent[me], measured[me].1 - measured[me].0);
    }
}

/// A vault in memory that outlives the sessions, with a log of what was read.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    segments: HashMap<([u8; 16], u32), Vec<u8>>,
    marks: HashMap<[u8; 16], u32>,
    confirmed: HashMap<[u8; 16], u32>,
    read: Vec<u32>,
    /// The process dies before the mark is durable.
    dies_before_mark: bool,
    /// The process dies after it.
    dies_after_mark: bool,
}

impl Vault for Memory {
    fn put(&mut self, id: &[u8; 16], segment: u32, sealed: &[u8]) -> Result<()> {
        self.0.lock().expect("no panic").segments.insert((*id, segment), sealed.to_vec());
        Ok(())
    }
    fn get(&mut self, id: &[u8; 16], segment: u32) -> Result<Vec<u8>> {
        let mut state = self.0.lock().expect("no panic");
        assert!(state.marks[id] > segment, "read before the mark was raised");
        state.read.push(segment);
        Ok(state.segments[&(*id, segment)].clone())
    }
    fn mark(&mut self, id: &[u8; 16]) -> Result<u32> {
        Ok(self.0.lock().expect("no panic").marks.get(id).copied().unwrap_or(0))
    }
    fn advance(&mut self, id: &[u8; 16], mark: u32) -> Result<()> {
        let mut state = self.0.lock().expect("no panic");
        if state.dies_before_mark {
            return Err(Error::Internal("crash before the mark"));
        }
        let old = state.marks.insert(*id, mark);
        assert!(old.unwrap_or(0) < mark, "a mark went back");
        if state.dies_after_mark { Err(Error::Internal("crash after the mark")) } else { Ok(()) }
    }
    fn confirmed(&mut self, id: &[u8; 16]) -> Result<u32> {
        Ok(self.0.lock().expect("no panic").confirmed.get(id).copied().unwrap_or(0))
    }
    fn confirm(&mut self, id: &[u8; 16], mark: u32) -> Result<()> {
        let mut state = self.0.lock().expect("no panic");
        assert!(state.marks[id] >= mark, "confirmed before the mark was raised");
        state.confirmed.insert(*id, mark);
        Ok(())
    }
}

fn key() -> Secret<[u8; 32]> {
    Secret::new([7; 32])
}

/// One session of both parties; an error of one does not hide the other's result.
fn session<T: Send>(
    vaults: &[Memory; 2],
    work: impl Fn(&mut Additive, &mut Memory) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let meshes = Mesh::in_memory(&["ann", "ben"]).expect("two names");
    std::thread::scope(|scope| {
        let parties: Vec<_> = meshes
            .into_iter()
            .zip(vaults)
            .map(|(mesh, vault)| {
                let work = &work;
                scope.spawn(move || {
                    let mut e = Additive::new(mesh, Profile::LAN, &mut rand::rng())?;
                    work(&mut e, &mut vault.clone())
                })
            })
            .collect();
        parties.into_iter().map(|p| p.join().expect("no panic")).collect()
    })
}

fn blob(vaults: &[Memory; 2], segments: u32) -> Sealed {
    let mut wanted = plan();
    wanted.values_mut().for_each(|n| *n *= segments as usize);
    let sealed: Vec<Sealed> = session(vaults, |e, vault| {
        e.prepare(&wanted)?;
        let sealed = e.seal(vault, &key(), segments)?;
        assert!(e.prepared().is_empty(), "sealed randomness stayed in stock");
        Ok(sealed)
    })
    .into_iter()
    .map(|s| s.expect("honest parties"))
    .collect();
    assert_eq!(sealed[0], sealed[1]);
    sealed[0]
}

fn set(vault: &Memory, before: bool, after: bool) {
    let mut state = vault.0.lock().expect("no panic");
    state.dies_before_mark = before;
    state.dies_after_mark = after;
}

#[test]
fn sealed_randomness_is_used_once_whatever_crashes() {
    let vaults = [Memory::default(), Memory::default()];
    let sealed = blob(&vaults, 5);
    // An ordinary session: segment 0, exactly enough for the program.
    let expected = additive::run_local(2, Profile::LAN, |e| program(e, 9)).expect("honest");
    let results = session(&vaults, |e, vault| {
        assert!(e.unseal(vault, &key(), &sealed)?);
        let before = e.mesh().meter().sent();
        let result = program(e, 9)?;
        assert!(e.prepared().is_empty() && e.mesh().meter().sent() > before);
        Ok(result)
    });
    for (result, expected) in results.into_iter().zip(expected) {
        assert_eq!(result.expect("honest parties"), expected);
    }
    // Ben dies before his mark is durable; Ann opens segment 1, and does not use it.
    set(&vaults[1], true, false);
    let results = session(&vaults, |e, vault| e.unseal(vault, &key(), &sealed));
    assert!(matches!(results[0], Err(Error::Deviation { .. })), "{:?}", results[0]);
    assert!(results[1].is_err());
    // Resumed, both go on with segment 2, although Ben's mark is at 1.
    set(&vaults[1], false, false);
    for result in session(&vaults, |e, vault| {
        e.unseal(vault, &key(), &sealed)?;
        program(e, 3)
    }) {
        result.expect("honest parties");
    }
    // Ann dies after her mark: segment 3 is lost for both.
    set(&vaults[0], false, true);
    let results = session(&vaults, |e, vault| e.unseal(vault, &key(), &sealed));
    assert!(results[0].is_err());
    set(&vaults[0], false, false);
    for result in session(&vaults, |e, vault| {
        assert!(e.unseal(vault, &key(), &sealed)?, "segment 4");
        assert!(!e.unseal(vault, &key(), &sealed)?, "there is no segment 5");
        Ok(())
    }) {
        result.expect("honest parties");
    }
    for vault in &vaults {
        let read = vault.0.lock().expect("no panic").read.clone();
        let mut once = read.clone();
        once.dedup();
        assert_eq!(read, once, "a segment was read twice");
    }
    assert_eq!(vaults[0].0.lock().expect("no panic").read, [0, 1, 2, 4]);
    assert_eq!(vaults[1].0.lock().expect("no panic").read, [0, 2, 3, 4]);
}

#[test]
fn another_blob_key_or_content_is_refused() {
    let vaults = [Memory::default(), Memory::default()];
    let (one, two) = (blob(&vaults, 1), blob(&vaults, 1));
    for result in session(&vaults, |e, vault| {
        let sealed = if e.me() == 0 { &one } else { &two };
        e.unseal(vault, &key(), sealed)
    }) {
        assert!(matches!(result, Err(Error::Deviation { .. })), "{result:?}");
    }
    for result in session(&vaults, |e, vault| e.unseal(vault, &Secret::new([8; 32]), &one)) {
        assert!(matches!(result, Err(Error::Argument(_))), "{result:?}");
    }
    vaults[0].0.lock().expect("no panic").segments.values_mut().for_each(|s| s[50] ^= 1);
    let results = session(&vaults, |e, vault| e.unseal(vault, &key(), &two));
    assert!(matches!(results[0], Err(Error::Argument(_))));
}

/// A party with an old copy of its vault, marks and segments, is noticed by both;
/// nothing is read, and the randomness is gone for good.
#[test]
fn an_old_copy_of_a_vault_is_refused_by_both() {
    for restored in 0..2 {
        let vaults = [Memory::default(), Memory::default()];
        let sealed = blob(&vaults, 4);
        let next = || session(&vaults, |e, vault| e.unseal(vault, &key(), &sealed));
        assert!(next().iter().all(|r| matches!(r, Ok(true))));
        let (segments, marks, confirmed) = {
            let old = vaults[restored].0.lock().expect("no panic");
            (old.segments.clone(), old.marks.clone(), old.confirmed.clone())
        };
        assert!(next().iter().all(|r| matches!(r, Ok(true))));
        {
            let mut state = vaults[restored].0.lock().expect("no panic");
            (state.segments, state.marks, state.confirmed) = (segments, marks, confirmed);
        }
        for _ in 0..2 {
            for (me, result) in next().into_iter().enumerate() {
                match result {
                    Err(Error::Argument(text)) if me == restored => {
                        assert!(text.contains("old copy"), "{text}");
                    }
                    Err(Error::Deviation { rule, .. }) if me != restored => {
                        assert!(rule.contains("old copy"), "{rule}");
                    }
                    other => panic!("party {me}: {other:?}"),
                }
            }
        }
        for vault in &vaults {
            assert_eq!(vault.0.lock().expect("no panic").read, [0, 1]);
        }
    }
}

/// What one party cannot open, the other does not use.
#[test]
fn a_part_that_does_not_open_is_used_by_nobody() {
    let vaults = [Memory::default(), Memory::default()];
    let sealed = blob(&vaults, 1);
    vaults[1].0.lock().expect("no panic").segments.values_mut().for_each(|s| s[50] ^= 1);
    let results = session(&vaults, |e, vault| {
        let result = e.unseal(vault, &key(), &sealed);
        assert!(e.prepared().is_empty(), "something went into stock");
        result
    });
    assert!(matches!(results[0], Err(Error::Deviation { .. })), "{:?}", results[0]);
    assert!(matches!(results[1], Err(Error::Argument(_))), "{:?}", results[1]);
}

/// Parties that seal different things notice it when they seal.
#[test]
fn different_stocks_are_not_sealed() {
    let vaults = [Memory::default(), Memory::default()];
    for result in session(&vaults, |e, vault| {
        e.prepare(&plan())?;
        let segments = if e.me() == 0 { 1 } else { 2 };
        e.seal(vault, &key(), segments)
    }) {
        assert!(matches!(result, Err(Error::Deviation { .. })), "{result:?}");
    }
}
