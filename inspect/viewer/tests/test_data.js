'use strict';

vitc.test('versions of a value by stage', function (check) {
    var model = vitc.model(vitc.fixture()), nodes = model.nodes;
    check.equal(model.string(nodes.type[model.entry(0, 3)]), 'f32[8x16]');
    check.equal(Array.from(model.operands(model.entry(8, 0))), [7, 7], 'before simplify');
    check.equal(Array.from(model.operands(model.entry(8, 1))), [5, 5], 'behind it');
    check.equal(model.entry(7, 1), -1, 'what simplify dropped');
    check.equal(model.entry(99, 1), -1, 'no such value');
    check.equal(model.count, 18);
});

vitc.test('readers, of values and of sources, in a stage', function (check) {
    var model = vitc.model(vitc.fixture());
    function numbers(entries) {
        return entries.map(function (entry) {
            return model.nodes.number[entry];
        });
    }
    check.equal(numbers(model.readers(5, 0)), [7]);
    check.equal(numbers(model.readers(5, 3)), [8, 12]);
    check.equal(numbers(model.readers(-1, 3)), [0, 10], 'readers of the input');
    check.equal(numbers(model.readers(8, 1)), [9], 'a value read twice by one is read once');
});

vitc.test('kernels, lines, places, partners', function (check) {
    var model = vitc.model(vitc.fixture());
    check.equal(model.kernelsOf(1), [0]);
    check.equal(model.kernelsReading(2), [1, 4]);
    check.equal(model.kernelsStoring(9), [2]);
    check.equal(model.linesOf('1:7').slice().sort(), [0, 11, 14, 3, 10].sort());
    check.equal(model.places.offset[model.placeOf(1)], 512);
    check.equal(model.placeOf(3), -1);
    check.equal(model.partnerOf(15), 2);
    check.equal(model.partners(3).gradients, [11, 14]);
    check.equal(model.partnerOf(16), -1, 'an update has no forward value');
});

vitc.test('data of another format are refused', function (check) {
    var said = '';
    try {
        vitc.model({format: 'vitc-step-9'});
    } catch (error) {
        said = error.message;
    }
    check.ok(said.indexOf('vitc-step-9') >= 0, said);
});

vitc.test('marks: new, changed, gone', function (check) {
    var model = vitc.model(vitc.fixture()), M = vitc.mark, marks = vitc.marksOf(model, 1);
    check.equal([marks[7], marks[8], marks[0], marks[12]], [M.GONE, M.CHANGED, M.SAME, M.ABSENT]);
    marks = vitc.marksOf(model, 2);
    check.equal([marks[12], marks[10], marks[7]], [M.NEW, M.CHANGED, M.ABSENT]);
});

vitc.test('a kernel’s seconds are those of its values, by their operations', function (check) {
    var model = vitc.model(vitc.fixture());
    vitc.addSeconds(model);
    check.ok(Math.abs(model.secondsOf[0] - 2e-6 * 4096 / 5248) < 1e-15, 'the product');
    check.ok(Math.abs(model.secondsOf[1] - 2e-6 * 128 / 5248) < 1e-15, 'the sum with the bias');
    check.ok(Math.abs(model.seconds - 12e-6) < 1e-12, 'the sum of all kernels');
});
