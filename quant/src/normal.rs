//! The standard normal distribution.

/// Φ(x).
pub(crate) fn probability(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Φ⁻¹(p) for p in (0, 1): Acklam's rational approximation (2003), then one step of Halley's method to the last digits.
pub(crate) fn quantile(p: f64) -> f64 {
    let x = approximate(p);
    // The upper tail from its own side, as 1 − p has lost the digits of a small p.
    let error = if x > 0.0 { (1.0 - p) - probability(-x) } else { probability(x) - p };
    let u = error * (2.0 * std::f64::consts::PI).sqrt() * (x * x / 2.0).exp();
    x - u / (1.0 + x * u / 2.0)
}

fn approximate(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] =
        [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    const LOW: f64 = 0.02425;
    if p < LOW {
        let q = (-2.0 * p.ln()).sqrt();
        return polynomial(&C, q) / polynomial(&D, q);
    }
    if p > 1.0 - LOW {
        return -approximate(1.0 - p);
    }
    let q = p - 0.5;
    polynomial(&A, q * q) * q / polynomial(&B, q * q)
}

/// Horner's scheme, highest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_give_the_same() {
        // Φ and Φ⁻¹ from Python's statistics.NormalDist.
        for (x, p) in
            [(0.0, 0.5), (1.0, 0.8413447460685429), (-2.5, 0.006209665325776132), (4.0, 0.9999683287581669)]
        {
            assert!((probability(x) - p).abs() < 1e-15, "{x}");
            assert!((quantile(p) - x).abs() < 1e-11, "{p}");
        }
        for (p, x) in [(1e-9, -5.997807015007687), (0.975, 1.9599639845400536), (0.02425, -1.972961051201053)]
        {
            assert!((quantile(p) - x).abs() < 1e-9, "{p}: {}", quantile(p));
        }
    }
}
