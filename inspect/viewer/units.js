/* Quantities as text, the same everywhere: three digits and a unit, prefixes in powers of 1000: as
 * inspect/amounts.h has them in the text. What is not a number is shown as "–". */
'use strict';

(function () {
    /* Three significant digits, without an exponent; a whole number below 1000 stays whole unless `point`. */
    function digits(x, point) {
        const size = Math.abs(x);
        if (!point && Number.isInteger(x) && size < 1000) return String(x);
        return x.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
    }

    /* In the first of the units in which it has at most three digits before the point. */
    function scaled(x, units) {
        if (!Number.isFinite(x)) return '–';
        let unit = 0;
        while (unit + 1 < units.length && Math.abs(x) >= 999.5) {
            x /= 1000;
            unit++;
        }
        return digits(x, unit > 0) + (units[unit] ? ' ' + units[unit] : '');
    }

    function bytes(x) {
        return x === 1 ? '1 byte' : scaled(x, ['B', 'KB', 'MB', 'GB', 'TB', 'PB']);
    }

    function flops(x) {
        return scaled(x, ['FLOP', 'KFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP']);
    }

    function seconds(x) {
        return x === 0 ? '0 s' : scaled(x * 1e9, ['ns', 'µs', 'ms', 's']);
    }

    /* FLOP/s and bytes per second */
    function flopRate(x) {
        return scaled(x, ['FLOP/s', 'KFLOP/s', 'MFLOP/s', 'GFLOP/s', 'TFLOP/s', 'PFLOP/s']);
    }

    function byteRate(x) {
        return scaled(x, ['B/s', 'KB/s', 'MB/s', 'GB/s', 'TB/s', 'PB/s']);
    }

    /* FLOP per byte. */
    function intensity(x) {
        return Number.isFinite(x) ? scaled(x, ['', 'k', 'M', 'G']) + ' FLOP/byte' : '–';
    }

    /* A share from 0 to 1. What is there is not shown as nothing. */
    function percent(share) {
        if (!Number.isFinite(share)) return '–';
        return share > 0 && share < 0.0005 ? 'below 0.1 %' : (share * 100).toFixed(1) + ' %';
    }

    /* At an axis: without zeros behind the point. */
    function tick(show, x) {
        return show(x).replace(/\.0+(?=\D|$)/, '').replace(/(\.\d*?)0+(?=\D|$)/, '$1');
    }

    /* Whole numbers, thousands set apart by a narrow space. */
    function count(x) {
        return Number.isFinite(x) ? String(Math.round(x)).replace(/\B(?=(\d{3})+$)/g, '\u202f') : '–';
    }

    /* Millions of parameters and the like. */
    function many(x) {
        return Math.abs(x) < 1e6 ? count(x) : scaled(x, ['', 'k', 'M', 'G', 'T']);
    }

    function signed(n) {
        return (n < 0 ? '−' : '+') + count(Math.abs(n));
    }

    function plural(n, one, more) {
        return count(n) + ' ' + (n === 1 ? one : more || one + 's');
    }

    /* A number of a remark, as `unit` of rules.def says: {a:bytes}. */
    function of(unit, x) {
        const show = {bytes, seconds, flops, count, percent}[unit];
        return show ? show(x) : Number.isFinite(x) ? digits(x) : '–';
    }

    vitc.units = {bytes, flops, seconds, flopRate, byteRate, intensity, percent, count, signed, many, plural, of, digits, tick};
})();
