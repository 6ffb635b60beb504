//! Every operator against operands and results of the reference.

use serde_json::Value;

use super::*;
use crate::math::{Random, inv_sqrt, log2, pow2};
use crate::testdata::{data_pack, trace};

/// The operand at `index`, of whatever width the operator takes.
fn operand<T: TryFrom<i64>>(case: &Value, index: usize) -> T {
    let number = case.get("in").and_then(|all| all.get(index)).and_then(Value::as_i64);
    number.and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("operand {index} of {case}"))
}

fn results(values: &[i32]) -> Value {
    match values {
        [one] => (*one).into(),
        more => more.to_vec().into(),
    }
}

/// What the operator of `case` yields, and the flag of its twin if it has one.
fn run(case: &Value, randoms: &mut [Random; 2]) -> (Vec<i32>, Option<bool>) {
    let a = |index| operand::<i16>(case, index);
    let l = |index| operand::<i32>(case, index);
    let mut ov = false;
    let short = |x: i16| (vec![i32::from(x)], None);
    let long = |x: i32| (vec![x], None);
    let pair = |(x, y): (i16, i16)| (vec![i32::from(x), i32::from(y)], None);
    let mut twin = |plain: i32, twin: &dyn Fn(&mut bool) -> i32| {
        assert_eq!(plain, twin(&mut ov), "the twin differs: {case}");
        (vec![plain], Some(ov))
    };
    match case["op"].as_str().unwrap_or_default() {
        "add" => twin(add(a(0), a(1)).into(), &|ov| flagged::add(a(0), a(1), ov).into()),
        "sub" => twin(sub(a(0), a(1)).into(), &|ov| flagged::sub(a(0), a(1), ov).into()),
        "mult" => twin(mult(a(0), a(1)).into(), &|ov| flagged::mult(a(0), a(1), ov).into()),
        "L_mult" => twin(l_mult(a(0), a(1)), &|ov| flagged::l_mult(a(0), a(1), ov)),
        "L_add" => twin(l_add(l(0), l(1)), &|ov| flagged::l_add(l(0), l(1), ov)),
        "L_sub" => twin(l_sub(l(0), l(1)), &|ov| flagged::l_sub(l(0), l(1), ov)),
        "L_mac" => twin(l_mac(l(0), a(1), a(2)), &|ov| flagged::l_mac(l(0), a(1), a(2), ov)),
        "L_msu" => twin(l_msu(l(0), a(1), a(2)), &|ov| flagged::l_msu(l(0), a(1), a(2), ov)),
        "L_shl" => twin(l_shl(l(0), a(1)), &|ov| flagged::l_shl(l(0), a(1), ov)),
        "round" => twin(round(l(0)).into(), &|ov| flagged::round(l(0), ov).into()),
        "abs_s" => short(abs_s(a(0))),
        "negate" => short(negate(a(0))),
        "shl" => short(shl(a(0), a(1))),
        "shr" => short(shr(a(0), a(1))),
        "shr_r" => short(shr_r(a(0), a(1))),
        "mult_r" => short(mult_r(a(0), a(1))),
        "extract_h" => short(extract_h(l(0))),
        "extract_l" => short(extract_l(l(0))),
        "mac_r" => short(mac_r(l(0), a(1), a(2))),
        "msu_r" => short(msu_r(l(0), a(1), a(2))),
        "L_negate" => long(l_negate(l(0))),
        "L_abs" => long(l_abs(l(0))),
        "L_shr" => long(l_shr(l(0), a(1))),
        "L_shr_r" => long(l_shr_r(l(0), a(1))),
        "L_deposit_h" => long(l_deposit_h(a(0))),
        "L_deposit_l" => long(l_deposit_l(a(0))),
        "norm_s" => short(norm_s(a(0))),
        "norm_l" => short(norm_l(l(0))),
        "div_s" => short(div_s(a(0), a(1))),
        "L_Extract" => {
            let (hi, lo) = l_extract(l(0));
            assert_eq!(case["L_Comp"], l_comp(hi, lo), "L_Comp of {case}");
            pair((hi, lo))
        }
        "Mpy_32" => long(mpy_32(a(0), a(1), a(2), a(3))),
        "Mpy_32_16" => long(mpy_32_16(a(0), a(1), a(2))),
        "Div_32" => long(div_32(l(0), a(1), a(2))),
        "Log2" => pair(log2(l(0))),
        "Inv_sqrt" => long(inv_sqrt(l(0))),
        "Pow2" => long(pow2(a(0), a(1))),
        "Random(21845)" => short(randoms[0].next()),
        "Random(11111)" => short(randoms[1].next()),
        other => panic!("operator {other} has no test"),
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn every_operator_yields_what_the_reference_yields() {
    let folder = data_pack();
    let cases = trace(&folder, "basic_ops.jsonl");
    assert!(cases.len() > 4_000, "{} cases", cases.len());
    let mut randoms = [Random(21_845), Random(11_111)];
    for case in &cases {
        let (values, overflow) = run(case, &mut randoms);
        assert_eq!(results(&values), case["out"], "{case}");
        if let Some(overflow) = overflow {
            assert_eq!(Value::from(i32::from(overflow)), case["ov"], "overflow of {case}");
        }
    }
}

#[test]
fn shifts_by_any_count_end() {
    for n in [i16::MIN, -33, -32, -31, -17, -16, -15, 15, 16, 17, 31, 32, 33, i16::MAX] {
        for a in [i16::MIN, -1, 0, 1, i16::MAX] {
            let far = if n < 0 { a >> 15 } else { saturate(i32::from(a) << 15) };
            assert_eq!(shl(a, n), far, "shl({a}, {n})");
            let _ = (shr(a, n), shr_r(a, n), l_shr(a.into(), n), l_shr_r(a.into(), n), l_shl(a.into(), n));
        }
    }
}
