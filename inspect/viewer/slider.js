/* The slider over passes: a tick each, with arrows, a player, and the name of the stage that is shown. Passes that
 * changed nothing are left out unless they are asked for. Once it is moved values keep their places (of an era of
 * passes, outline.js), until somebody packs them. */
'use strict';

(function () {
    var slider, ticks = [], playing = null;

    function shown() { /* indices of the stages that have a tick */
        var stages = vitc.state.model.stages, list = [];
        stages.forEach(function (stage, i) {
            if (stage.kept === false) return;
            if (vitc.state.idle || stage.changed || i === 0 || i === vitc.state.stage) list.push(i);
        });
        return list;
    }
    vitc.shownStages = shown;

    /* Shows a stage because somebody moved there. */
    vitc.goToStage = function (i) {
        var model = vitc.state.model;
        if (i === vitc.state.stage || !model.stages[i]) return;
        if (model.stages[i].kept === false) return vitc.tell('this page leaves out the values after ' +
            model.stages[i].label);
        if (!vitc.placesChosen) vitc.set('places', 'stable');
        vitc.setStage(i);
    };

    vitc.stepStage = function (by) {
        var list = shown(), at = list.indexOf(vitc.state.stage) + by;
        if (at < 0 || at >= list.length) return false;
        vitc.goToStage(list[at]);
        return true;
    };

    function describe(i) {
        var stages = vitc.state.model.stages, stage = stages[i], before = i ? stages[i - 1].nodes : 0;
        var grown = stage.nodes - before, text = stage.label + ' · ' + vitc.units.plural(stage.nodes, 'value');
        if (i && grown) text += ' (' + (grown > 0 ? '+' : '−') + Math.abs(grown) + ')';
        if (!stage.changed) text += ' · no effect';
        return text;
    }

    function render() {
        var list = shown(), bar = document.createElement('div'), text = document.createElement('div');
        slider.textContent = '';
        bar.className = 'ticks';
        ticks = list.map(function (i) {
            var tick = document.createElement('span'), stage = vitc.state.model.stages[i];
            tick.className = 'tick' + (i === vitc.state.stage ? ' here' : '') + (stage.changed ? '' : ' idle') +
                (i < vitc.state.stage ? ' before' : '');
            tick.title = describe(i) + (stage.doc ? '\n' + stage.doc : '') + (stage.seconds ? '\ntook ' +
                vitc.units.seconds(stage.seconds) : '');
            tick.dataset.stage = i;
            bar.appendChild(tick);
            return tick;
        });
        text.className = 'stage-name';
        text.textContent = describe(vitc.state.stage);
        slider.appendChild(bar);
        slider.appendChild(text);
        slider.setAttribute('aria-valuemax', list.length - 1);
        slider.setAttribute('aria-valuenow', list.indexOf(vitc.state.stage));
        slider.setAttribute('aria-valuetext', describe(vitc.state.stage));
        document.getElementById('pass-before').disabled = list[0] === vitc.state.stage;
        document.getElementById('pass-after').disabled = list[list.length - 1] === vitc.state.stage;
    }

    function nearest(x) {
        var best = 0, least = Infinity;
        ticks.forEach(function (tick, i) {
            var box = tick.getBoundingClientRect(), d = Math.abs(box.left + box.width / 2 - x);
            if (d < least) {
                least = d;
                best = i;
            }
        });
        return Number(ticks[best].dataset.stage);
    }

    vitc.play = function () {
        var button = document.getElementById('play');
        if (playing) {
            clearInterval(playing);
            playing = null;
        } else {
            var list = shown();
            if (list[list.length - 1] === vitc.state.stage) vitc.goToStage(list[0]);
            playing = setInterval(function () {
                if (!vitc.stepStage(1)) vitc.play();
            }, 1100);
        }
        button.textContent = playing ? '❚❚' : '▶';
        button.setAttribute('aria-pressed', String(Boolean(playing)));
    };

    vitc.startSlider = function () {
        var idle = document.getElementById('idle'), dragging = false;
        slider = document.getElementById('slider');
        slider.addEventListener('pointerdown', function (event) {
            dragging = true;
            slider.setPointerCapture(event.pointerId);
            vitc.goToStage(nearest(event.clientX));
        });
        slider.addEventListener('pointermove', function (event) {
            if (dragging) vitc.goToStage(nearest(event.clientX));
        });
        slider.addEventListener('pointerup', function () {
            dragging = false;
        });
        slider.addEventListener('keydown', function (event) {
            var by = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -3, PageDown: 3}[event.key];
            var list = shown();
            if (by) while (by) {
                vitc.stepStage(Math.sign(by));
                by -= Math.sign(by);
            } else if (event.key === 'Home') vitc.goToStage(list[0]);
            else if (event.key === 'End') vitc.goToStage(list[list.length - 1]);
            else return;
            event.preventDefault();
            event.stopPropagation();
        });
        document.getElementById('pass-before').addEventListener('click', vitc.stepStage.bind(null, -1));
        document.getElementById('pass-after').addEventListener('click', vitc.stepStage.bind(null, 1));
        document.getElementById('play').addEventListener('click', vitc.play);
        idle.addEventListener('change', function () {
            vitc.set('idle', idle.checked);
        });
        render();
    };

    vitc.on('stage', render);
    vitc.on('view', function (what) {
        if (what !== 'idle') return;
        document.getElementById('idle').checked = vitc.state.idle;
        render();
    });
})();
