'use strict';

(function () {
    function first(text, stage) {
        var kinds = vitc.search(vitc.model(vitc.fixture()), text, stage === undefined ? 3 : stage);
        return kinds.length ? [kinds[0].title, kinds[0].results[0].text, kinds[0].results[0].ref.kind] : [];
    }

    vitc.test('values by number', function (check) {
        check.equal(first('%12'), ['Values', '%12 mul', 'value']);
        check.equal(first('12'), ['Values', '%12 mul', 'value']);
        check.equal(first('%1234'), []);
    });

    vitc.test('modules, operators, kernels, passes, parameters, lines', function (check) {
        check.equal(first('net.blocks.1'), ['Modules', 'net.blocks.1', 'group']);
        check.equal(first('MEAN'), ['Operators', 'mean', 'op'], 'in any case');
        check.equal(first('matmul_4'), ['Kernels', 'matmul_4', 'kernel']);
        check.equal(first('autodiff'), ['Passes', 'autodiff', 'pass']);
        check.equal(first('fc.bias').slice(2), ['source']);
        check.equal(first('optimizer sgd'), ['Lines', 'optimizer: sgd', 'line']);
        check.equal(first('f32[8x16] gelu')[2], 'value', 'by type and operator');
        check.equal(first(''), []);
        check.equal(first('no such thing'), []);
    });

    vitc.test('the better match comes first', function (check) {
        check.ok(vitc.score('mul', ['mul']) > vitc.score('matmul', ['mul']), 'a whole word');
        check.ok(vitc.score('net.fc', ['fc']) > vitc.score('net.fcabc', ['fc']), 'the end of a name');
        check.equal(vitc.score('mul', ['mul', 'x']), 0, 'all words');
    });
})();
