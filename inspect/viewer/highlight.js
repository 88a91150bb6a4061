/* What is drawn stronger: what is selected or under the pointer, its operands and readers, and the edges to them. */
'use strict';

(function () {
    function isGradient(number) {
        return vitc.state.model.nodes.phase[vitc.state.model.lastEntry(number)] === vitc.phase.GRADIENT;
    }

    function linkOf(operand, reader) {
        var from = vitc.scene().holder[operand], to = vitc.scene().holder[reader];
        if (from < 0 || to < 0 || from === to || operand >= vitc.state.model.limit) return null;
        var edges = isGradient(operand) === isGradient(reader) ? vitc.pathOfEdges(vitc.scene(), operand, reader) : null;
        return {from: vitc.scene().items[from], to: vitc.scene().items[to], fromGradient: isGradient(operand),
            toGradient: isGradient(reader),
            edges: edges};
    }

    function linksOfValue(number, links) {
        var model = vitc.state.model, entry = model.entry(number, vitc.state.stage);
        if (entry >= 0)
            model.operands(entry).forEach(function (operand) {
                var link = operand >= 0 && linkOf(operand, number);
                if (link) links.operands.push(link);
            });
        model.readers(number, vitc.state.stage).slice(0, 400).forEach(function (reader) {
            var link = linkOf(number, model.nodes.number[reader]);
            if (link) links.readers.push(link);
        });
    }

    function linksOfItem(item, links) {
        vitc.scene().boxes[item.box].edges.forEach(function (edge) {
            if (!edge.live) return;
            var link = {edges: [edge]};
            if (edge.to === item.index) links.operands.push(link);
            if (edge.from === item.index) links.readers.push(link);
        });
    }

    vitc.relink = function () {
        var links = {operands: [], readers: [], partners: [], marked: [], hovered: null, selected: null};
        [vitc.state.selected, vitc.state.hovered].forEach(function (ref, i) {
            if (!ref || (i && vitc.sameRef(ref, vitc.state.selected))) return;
            var item = vitc.itemOf(ref);
            if (i) links.hovered = item;
            else links.selected = item;
            if (item && item.kind === 'value' && ref.kind === 'value') linksOfValue(ref.id, links);
            else if (item && item.inner < 0) linksOfItem(item, links);
            if (/^(kernel|source|line|op)$/.test(ref.kind))
                vitc.numbersOf(ref).forEach(function (number) {
                    var at = number < vitc.state.model.limit ? vitc.scene().items[vitc.scene().holder[number]] : null;
                    if (at && links.marked.indexOf(at) < 0 && links.marked.length < 500) links.marked.push(at);
                });
        });
        if (vitc.state.cross) addCross(links);
        vitc.scene().shownLinks = links;
        vitc.redraw();
    };

    function addCross(links) { /* what gradients read of the forward pass, for all values that are drawn */
        var model = vitc.state.model;
        vitc.scene().items.forEach(function (item) {
            if (item.kind !== 'value' || !item.gw || links.partners.length > 3000) return;
            var entry = model.entry(item.number, vitc.state.stage);
            if (entry < 0) return;
            model.operands(entry).forEach(function (operand) {
                var link = operand >= 0 && operand < model.limit && !isGradient(operand) && linkOf(operand,
                    item.number);
                if (link) links.partners.push(link);
            });
        });
    }
})();
