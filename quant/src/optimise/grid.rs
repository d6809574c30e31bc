//! Points of a grid.

use crate::strategies::Parameter;

/// At most `variations` points, as many as possible, spread evenly over the parameters' ranges. Each point is the steps
/// of the parameters.
///
/// The numbers of levels are kept within a factor of 3 of each other where the ranges allow it.
#[must_use]
pub fn grid(parameters: &[Parameter], variations: usize) -> Vec<Vec<usize>> {
    let levels = levels(parameters, variations);
    let axes: Vec<Vec<usize>> = parameters.iter().zip(&levels).map(|(p, &n)| spread(p.steps(), n)).collect();
    let mut points = vec![Vec::new()];
    for axis in &axes {
        let extended = |point: &Vec<usize>| -> Vec<Vec<usize>> {
            axis.iter().map(|&step| [point.as_slice(), &[step]].concat()).collect()
        };
        points = points.iter().flat_map(extended).collect();
    }
    points
}

/// `count` of `steps` steps, first and last included; the middle one alone.
fn spread(steps: usize, count: usize) -> Vec<usize> {
    match count {
        0 | 1 => vec![steps / 2],
        _ => (0..count).map(|i| (i * (steps - 1) + (count - 1) / 2) / (count - 1)).collect(),
    }
}

/// How many levels each parameter gets: the largest product within `variations`, then the most even.
fn levels(parameters: &[Parameter], variations: usize) -> Vec<usize> {
    let most: Vec<usize> = parameters.iter().map(Parameter::steps).collect();
    let mut best = vec![1; most.len()];
    let mut levels = best.clone();
    try_levels(&most, variations, 0, &mut levels, &mut best);
    best
}

fn try_levels(most: &[usize], budget: usize, place: usize, levels: &mut Vec<usize>, best: &mut Vec<usize>) {
    if place == most.len() {
        if merit(levels, most) > merit(best, most) {
            best.clone_from(levels);
        }
        return;
    }
    let last = place + 1 == most.len();
    let top = most[place].min(budget);
    // The last parameter takes all that is left: fewer levels are never better.
    for level in if last { top..=top } else { 1..=top } {
        levels[place] = level;
        try_levels(most, budget / level, place + 1, levels, best);
    }
}

/// Even within a factor of 3 first, then many points, then evenness.
fn merit(levels: &[usize], most: &[usize]) -> (bool, usize, std::cmp::Reverse<usize>) {
    let largest = levels.iter().copied().max().unwrap_or(1);
    let even = levels.iter().zip(most).all(|(&level, &most)| level * 3 >= largest || level == most);
    (even, levels.iter().product(), std::cmp::Reverse(largest))
}
