//! Genetic search over the steps of the parameters.
//!
//! The first generation is random, with the defaults among it. Then: the best tenth stays (elitism); parents are the
//! best of three drawn at random (tournament); each gene comes from either parent (uniform crossover); each gene mutates once
//! in as many times as there are genes, half of them to a near step (at most a tenth of the range away), half to any.
//! A point is never tried twice.

use super::Family;
use super::random::Random;
use super::search::OptimiseError;
use super::sweep::Sweep;
use super::trial::Trial;
use crate::backtest::Market;
use crate::strategies::Parameter;
use std::collections::BTreeSet;

/// How often a point that was not tried yet is sought before the slot stays empty.
const ATTEMPTS: usize = 32;

pub(super) struct Genetic<'s, F> {
    sweep: &'s Sweep<'s, F>,
    steps: Vec<usize>,
    random: Random,
    tried: BTreeSet<Vec<usize>>,
    /// In the order of the trials.
    genomes: Vec<Vec<usize>>,
}

impl<'s, F: Family> Genetic<'s, F> {
    /// `stream` tells the searches of one run apart.
    pub(super) fn new(sweep: &'s Sweep<'s, F>, stream: u64) -> Self {
        let steps = sweep.family.parameters().iter().map(Parameter::steps).collect();
        let random = Random::new(sweep.search.seed, stream);
        Self { sweep, steps, random, tried: BTreeSet::new(), genomes: Vec::new() }
    }

    pub(super) fn run(mut self, market: &Market<'_>) -> Result<Vec<Trial>, OptimiseError> {
        let variations = self.sweep.search.variations;
        let population = ((variations as f64 * 5.0).sqrt() as usize).clamp(4, 200);
        let mut trials: Vec<Trial> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        while trials.len() < variations {
            let wanted = population.min(variations - trials.len());
            let born = self.generation(&parents, wanted);
            if born.is_empty() {
                break;
            }
            let points: Vec<_> = born.iter().map(|genome| self.values(genome)).collect();
            trials.extend(self.sweep.run(market, &points)?);
            self.genomes.extend(born);
            parents = self.survivors(&trials, population, parents);
        }
        Ok(trials)
    }

    /// The next parents, best first: the elite of those before and all that were born since.
    fn survivors(&self, trials: &[Trial], population: usize, before: Vec<usize>) -> Vec<usize> {
        let elite = (population / 10).max(1);
        let born = trials.len().saturating_sub(population)..trials.len();
        let alive: BTreeSet<usize> = before.into_iter().take(elite).chain(born).collect();
        self.sweep
            .ranking(trials)
            .into_iter()
            .filter(|trial| alive.contains(trial))
            .take(population)
            .collect()
    }

    fn generation(&mut self, parents: &[usize], wanted: usize) -> Vec<Vec<usize>> {
        let mut born = Vec::new();
        if self.tried.is_empty() {
            let defaults = self.defaults();
            self.tried.insert(defaults.clone());
            born.push(defaults);
        }
        while born.len() < wanted {
            let Some(genome) = self.untried(parents) else { break };
            self.tried.insert(genome.clone());
            born.push(genome);
        }
        born
    }

    /// A child that was not tried yet; when families have become too alike, a random point.
    fn untried(&mut self, parents: &[usize]) -> Option<Vec<usize>> {
        (0..ATTEMPTS).find_map(|attempt| {
            let breed = parents.len() > 1 && attempt < ATTEMPTS / 2;
            let genome = if breed { self.child(parents) } else { self.any() };
            (!self.tried.contains(&genome)).then_some(genome)
        })
    }

    fn child(&mut self, parents: &[usize]) -> Vec<usize> {
        let (mother, father) = (self.tournament(parents), self.tournament(parents));
        let genes = self.steps.len();
        (0..genes)
            .map(|gene| {
                let parent = if self.random.one_in(2) { mother } else { father };
                let step = self.genomes[parent][gene];
                if self.random.one_in(genes) { self.mutated(step, self.steps[gene]) } else { step }
            })
            .collect()
    }

    /// `parents` are sorted, so the best of three is the smallest of three places.
    fn tournament(&mut self, parents: &[usize]) -> usize {
        let place = (0..3).map(|_| self.random.below(parents.len())).min().unwrap_or_default();
        parents[place]
    }

    fn mutated(&mut self, step: usize, steps: usize) -> usize {
        if self.random.one_in(2) {
            return self.random.below(steps);
        }
        let reach = (steps / 10).max(1);
        let moved = step + self.random.below(2 * reach + 1);
        moved.saturating_sub(reach).min(steps - 1)
    }

    fn any(&mut self) -> Vec<usize> {
        (0..self.steps.len()).map(|gene| self.random.below(self.steps[gene])).collect()
    }

    /// The steps nearest to the defaults.
    fn defaults(&self) -> Vec<usize> {
        let nearest =
            |p: &Parameter| ((p.default - p.from) / p.step).round().clamp(0.0, (p.steps() - 1) as f64);
        self.sweep.family.parameters().iter().map(|parameter| nearest(parameter) as usize).collect()
    }

    fn values(&self, genome: &[usize]) -> Vec<f64> {
        self.sweep
            .family
            .parameters()
            .iter()
            .zip(genome)
            .map(|(parameter, &step)| parameter.at(step))
            .collect()
    }
}
