/* Tests of the viewer run in a browser, which tests/browser/test_viewer.c drives: a page with all files of files.txt
 * and of this folder, without data. A file of tests calls vitc.test(name, f); f gets `check`, throws or returns a
 * promise. vitc.runTests() gives a promise of {count, failures: [text]}. */
'use strict';

vitc.tests = [];
vitc.test = function (name, f) {
    vitc.tests.push({name: name, f: f});
};

(function () {
    function text(value) {
        return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
    }

    var check = {
        ok: function (value, what) {
            if (!value) throw new Error((what || 'a condition') + ' does not hold');
        },
        equal: function (got, wanted, what) { /* objects by what they hold */
            if (text(got) !== text(wanted)) throw new Error((what ? what + ': ' : '') + text(got) + ', not ' +
                text(wanted));
        },
        below: function (got, limit, what) {
            if (!(got < limit)) throw new Error((what || 'a number') + ': ' + got + ' is not below ' + limit);
        }
    };

    vitc.runTests = async function () {
        var failures = [];
        for (var i = 0; i < vitc.tests.length; i++) {
            try {
                await vitc.tests[i].f(check);
            } catch (error) {
                failures.push(vitc.tests[i].name + ': ' + error.message + ' ' + (error.stack ||
                    '').split('\n').slice(1, 3).join(' '));
            }
        }
        return {count: vitc.tests.length, failures: failures};
    };
})();
